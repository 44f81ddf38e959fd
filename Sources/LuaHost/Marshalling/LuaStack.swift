import CLuaShim

/// The stack of one thread of Lua, as far as it can be used without raising.
///
/// What pushes strings, tables or functions may be called only in a section in which the cap may be passed: in a callback,
/// or in ``LuaEngine/withRoom(_:)``.
struct LuaStack {
    let state: OpaquePointer

    var top: Int32 { homeward_lua_top(state) }
    func setTop(_ top: Int32) { homeward_lua_set_top(state, top) }
    func pop(_ count: Int32 = 1) { homeward_lua_set_top(state, -count - 1) }
    /// False when a stack of Lua cannot become so large.
    func reserve(_ slots: Int32) -> Bool { homeward_lua_reserve(state, slots) }
    /// The index that stays when more is pushed.
    func absolute(_ index: Int32) -> Int32 { index > 0 ? index : top + index + 1 }

    // MARK: Reading

    func type(_ index: Int32) -> homeward_lua_type { homeward_lua_type_at(state, index) }
    func typeName(_ index: Int32) -> String { String(cString: homeward_lua_type_name(state, index)) }
    func boolean(_ index: Int32) -> Bool { homeward_lua_boolean(state, index) }
    func integer(_ index: Int32) -> Int64 { homeward_lua_integer(state, index) }
    func number(_ index: Int32) -> Double { homeward_lua_number(state, index) }
    func isNil(_ index: Int32) -> Bool { type(index) == HOMEWARD_LUA_NIL }

    /// A number that is whole, whatever its form.
    func integerForm(_ index: Int32) -> Int64? {
        var value: Int64 = 0
        return homeward_lua_integer_form(state, index, &value) ? value : nil
    }

    func stringLength(_ index: Int32) -> Int {
        var length = 0
        return homeward_lua_string(state, index, &length) == nil ? 0 : length
    }

    /// The bytes of a string; nil for anything else.
    func bytes(_ index: Int32) -> [UInt8]? {
        var length = 0
        guard let start = homeward_lua_string(state, index, &length) else { return nil }
        return Array(UnsafeRawBufferPointer(start: start, count: length))
    }

    /// A string, mended where it is not UTF-8; nil for anything else.
    func text(_ index: Int32) -> String? { bytes(index).map { String(decoding: $0, as: UTF8.self) } }

    func identity(_ index: Int32) -> UnsafeRawPointer? { homeward_lua_identity(state, index) }
    func function(_ index: Int32) -> Int64 { homeward_lua_function_at(state, index) }
    func classNumber(_ index: Int32) -> Int { Int(homeward_lua_class(state, index)) }
    func isError(_ index: Int32) -> Bool { homeward_lua_is_error(state, index) }

    // MARK: Pushing

    func pushNil() { homeward_lua_push_nil(state) }
    func push(_ value: Bool) { homeward_lua_push_boolean(state, value) }
    func push(_ value: Int64) { homeward_lua_push_integer(state, value) }
    func push(_ value: Double) { homeward_lua_push_number(state, value) }
    func pushCopy(_ index: Int32) { homeward_lua_push_value(state, index) }
    func pushGlobals() { homeward_lua_push_globals(state) }
    func pushTable(array: Int = 0, fields: Int = 0) { homeward_lua_push_table(state, Int32(array), Int32(fields)) }
    func pushFunction(_ number: Int64) { homeward_lua_push_function(state, number) }

    func push(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { raw in
            homeward_lua_push_string(state, raw.bindMemory(to: CChar.self).baseAddress, raw.count)
        }
    }

    func push(_ text: String) {
        var text = text
        text.withUTF8 { utf8 in
            utf8.withMemoryRebound(to: CChar.self) { homeward_lua_push_string(state, $0.baseAddress, $0.count) }
        }
    }

    // MARK: Tables

    /// Pops the value on top into the table.
    func setField(_ index: Int32, _ name: String) {
        var name = name
        name.withUTF8 { utf8 in
            utf8.withMemoryRebound(to: CChar.self) { homeward_lua_set_field(state, index, $0.baseAddress, $0.count) }
        }
    }

    func setIndex(_ index: Int32, _ key: Int64) { homeward_lua_set_index(state, index, key) }

    /// Pushes the field of the table, without metamethods.
    @discardableResult
    func pushField(_ index: Int32, _ name: String) -> homeward_lua_type {
        var name = name
        return name.withUTF8 { utf8 in
            utf8.withMemoryRebound(to: CChar.self) { homeward_lua_get_field(state, index, $0.baseAddress, $0.count) }
        }
    }

    func pushIndex(_ index: Int32, _ key: Int64) { homeward_lua_get_index(state, index, key) }
    /// Replaces the key on top by the next key and its value; false at the end, with nothing in its place.
    func next(_ index: Int32) -> Bool { homeward_lua_next(state, index) }
    func remove(_ index: Int32) { homeward_lua_remove(state, index) }

    /// The string in a field; nil where it is no string.
    func textField(_ index: Int32, _ name: String) -> String? {
        pushField(index, name)
        defer { pop() }
        return text(-1)
    }

    // MARK: References

    /// Pops the value on top, and keeps it until it is forgotten.
    func keep() -> Int32 { homeward_lua_ref(state) }
    func forget(_ reference: Int32) { homeward_lua_unref(state, reference) }
    func pushKept(_ reference: Int32) { homeward_lua_push_ref(state, reference) }
}
