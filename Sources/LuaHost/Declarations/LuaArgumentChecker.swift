import CLuaShim

/// Compares the arguments of a call with the declaration, and copies them.
struct LuaArgumentChecker {
    let engine: LuaEngine
    let stack: LuaStack
    let function: LuaRegistry.Function

    private var parameters: [LuaParameter] { function.declaration.parameters }
    /// Values in front of the parameters.
    private var offset: Int32 { function.className == nil ? 0 : 1 }

    /// - Throws: `bad-argument`, which names function, parameter, what was found and what is expected.
    func check() throws(LuaError) {
        try checkObject()
        for (position, parameter) in parameters.enumerated() {
            let index = Int32(position + 1) + offset
            if stack.isNil(index) {
                guard !parameter.isOptional else { continue }
                throw bad("'\(parameter.name)' is missing: \(expectation(parameter.type)) is expected")
            }
            try check(parameter.type, index, parameter.name)
        }
        let count = Int32(parameters.count) + offset
        var index = count + 1
        while index <= stack.top {
            if !stack.isNil(index) {
                let most = parameters.isEmpty ? "no arguments are" : "at most \(count - offset) are"
                throw bad("\(stack.top - offset) arguments were given, \(most) expected")
            }
            index += 1
        }
    }

    /// Copies of the arguments, in the types that are declared.
    func arguments() throws(LuaError) -> LuaArguments {
        var object: LuaObject?
        if function.className != nil, case .object(let found) = try read(1, "the object") { object = found }
        var values: [LuaValue] = []
        for (position, parameter) in parameters.enumerated() {
            values.append(Self.normal(try read(Int32(position + 1) + offset, parameter.name), parameter.type))
        }
        return LuaArguments(object: object, values: values)
    }

    private func checkObject() throws(LuaError) {
        guard let name = function.className, engine.registry.classNumbers[name] != stack.classNumber(1) else { return }
        throw LuaError(
            .badArgument,
            "\(function.name): \(engine.describe(1, stack)) was given in front, \(engine.article(name)) is expected",
            hint: "call it with a colon: object:\(function.declaration.name)(…)"
        )
    }

    private func read(_ index: Int32, _ name: String) throws(LuaError) -> LuaValue {
        guard index <= stack.top else { return .none }
        let top = stack.top
        defer { stack.setTop(top) }
        stack.pushCopy(index)
        var reader = engine.reader(stack, subject: function.name, whole: "'\(name)'")
        do throws(LuaError) {
            return try reader.read()
        } catch {
            throw LuaError(.badArgument, error.message, hint: error.hint)
        }
    }

    private func bad(_ message: String, hint: String? = nil) -> LuaError {
        let help = function.className == nil ? function.name : function.name.replacing(":", with: ".")
        return LuaError(
            .badArgument,
            "\(function.name): \(message)",
            hint: hint ?? "help(\"\(help)\") shows how it is called"
        )
    }

    private func mismatch(_ type: LuaType, _ index: Int32, _ name: String) -> LuaError {
        var hint: String?
        if case .oneOf(let words) = type, let text = stack.text(index) {
            hint = LuaNames.nearest(to: text, in: words).map { "did you mean \"\($0)\"?" }
        }
        return bad("'\(name)' is \(engine.describe(index, stack)), \(expectation(type)) is expected", hint: hint)
    }

    private func check(_ type: LuaType, _ index: Int32, _ name: String) throws(LuaError) {
        let found = stack.type(index)
        let isRight: Bool
        switch type {
        case .any: isRight = true
        case .boolean: isRight = found == HOMEWARD_LUA_BOOLEAN
        case .integer: isRight = stack.integerForm(index) != nil
        case .number: isRight = found == HOMEWARD_LUA_INTEGER || found == HOMEWARD_LUA_NUMBER
        case .string:
            isRight = found == HOMEWARD_LUA_STRING && String(validating: stack.bytes(index) ?? [], as: UTF8.self) != nil
        case .bytes: isRight = found == HOMEWARD_LUA_STRING
        case .function: isRight = found == HOMEWARD_LUA_FUNCTION
        case .table: isRight = found == HOMEWARD_LUA_TABLE
        case .object(let name):
            isRight = found == HOMEWARD_LUA_OBJECT && engine.registry.classNumbers[name] == stack.classNumber(index)
        case .oneOf(let words): isRight = stack.text(index).map(words.contains) ?? false
        case .array(let element):
            guard found == HOMEWARD_LUA_TABLE else { throw mismatch(type, index, name) }
            return try checkArray(element, index, name)
        case .options(let keys):
            guard found == HOMEWARD_LUA_TABLE else { throw mismatch(type, index, name) }
            return try checkOptions(keys, index, name)
        case .either(let types): return try checkEither(types, type, index, name)
        }
        if !isRight { throw mismatch(type, index, name) }
    }

    private func checkEither(_ types: [LuaType], _ type: LuaType, _ index: Int32, _ name: String) throws(LuaError) {
        let top = stack.top
        var closest: LuaError?
        for type in types {
            do throws(LuaError) {
                return try check(type, index, name)
            } catch {
                stack.setTop(top)
                // Of a table that is nearly right, what is wrong in it says more.
                if stack.type(index) == HOMEWARD_LUA_TABLE, type.isTable { closest = error }
            }
        }
        throw closest ?? mismatch(type, index, name)
    }

    private func checkArray(_ element: LuaType, _ index: Int32, _ name: String) throws(LuaError) {
        let index = stack.absolute(index)
        guard stack.reserve(8) else { throw bad("'\(name)' is nested too deep") }
        var count: Int64 = 0
        stack.pushNil()
        while stack.next(index) {
            guard let position = stack.integerForm(-2), stack.type(-2) == HOMEWARD_LUA_INTEGER, position > 0 else {
                throw bad("'\(name)' has the key \(engine.describe(-2, stack)), a list is expected")
            }
            try check(element, -1, "\(name)[\(position)]")
            count += 1
            stack.pop()
        }
        guard count > 0 else { return }
        stack.pushIndex(index, count)
        defer { stack.pop() }
        if stack.isNil(-1) { throw bad("'\(name)' has gaps, a list is expected") }
    }

    private func checkOptions(_ keys: [LuaType.Key], _ index: Int32, _ name: String) throws(LuaError) {
        let index = stack.absolute(index)
        guard stack.reserve(8) else { throw bad("'\(name)' is nested too deep") }
        stack.pushNil()
        while stack.next(index) {
            guard let key = stack.text(-2), let declared = keys.first(where: { $0.name == key }) else {
                let key = stack.text(-2)
                let near = key.flatMap { LuaNames.nearest(to: $0, in: keys.map(\.name)) }
                let known = keys.map(\.name).sorted().joined(separator: ", ")
                throw bad(
                    "there is no option \(key.map { "'\($0)'" } ?? engine.describe(-2, stack))",
                    hint: near.map { "did you mean '\($0)'?" } ?? "the options are: \(known)"
                )
            }
            try check(declared.type, -1, declared.name)
            stack.pop()
        }
        for key in keys where !key.isOptional {
            let isMissing = stack.pushField(index, key.name) == HOMEWARD_LUA_NIL
            stack.pop()
            if isMissing { throw bad("the option '\(key.name)' is missing: \(expectation(key.type)) is expected") }
        }
    }

    private func expectation(_ type: LuaType) -> String {
        switch type {
        case .any: "a value"
        case .boolean: "true or false"
        case .integer: "a whole number"
        case .number: "a number"
        case .string: "a string of UTF-8"
        case .bytes: "a string"
        case .function: "a function"
        case .table: "a table"
        case .object(let name): engine.article(name)
        case .array(let element): "a list, of which each is \(expectation(element)),"
        case .options: "a table of options"
        case .oneOf(let words): "one of " + words.map { "\"\($0)\"" }.joined(separator: ", ")
        case .either(let types): types.map { expectation($0) }.joined(separator: " or ")
        }
    }

    /// Numbers in the form that is declared.
    private static func normal(_ value: LuaValue, _ type: LuaType) -> LuaValue {
        switch (type, value) {
        case (.number, .integer(let number)): return .number(Double(number))
        case (.integer, .number(let number)): return Int64(exactly: number).map { .integer($0) } ?? value
        case (.array(let element), .table(let table)):
            return .table(LuaTable(array: table.array.map { normal($0, element) }))
        case (.options(let keys), .table(let table)):
            let fields = table.fields.map { field in
                let type = keys.first { $0.name == field.name }?.type ?? .any
                return LuaTable.Field(name: field.name, value: normal(field.value, type))
            }
            return .table(LuaTable(array: table.array, fields: fields))
        case (.either(let types), _):
            return types.first { $0.fits(value) }.map { normal(value, $0) } ?? value
        default: return value
        }
    }
}

extension LuaType {
    /// Whether a copied value is of this type: says which of several it was checked as.
    fileprivate func fits(_ value: LuaValue) -> Bool {
        switch (self, value) {
        case (.any, _), (.boolean, .boolean), (.integer, .integer), (.number, .integer), (.number, .number),
            (.bytes, .string), (.function, .function), (.table, .table):
            return true
        case (.integer, .number(let number)): return Int64(exactly: number) != nil
        case (.string, .string): return value.text != nil
        case (.oneOf(let words), .string): return value.text.map(words.contains) ?? false
        case (.object(let name), .object(let object)): return object.className == name
        case (.array(let element), .table(let table)):
            return table.fields.isEmpty && table.array.allSatisfy(element.fits)
        case (.options(let keys), .table(let table)):
            return table.array.isEmpty
                && table.fields.allSatisfy { field in
                    keys.contains { $0.name == field.name && $0.type.fits(field.value) }
                }
        case (.either(let types), _): return types.contains { $0.fits(value) }
        default: return false
        }
    }

    var isTable: Bool {
        switch self {
        case .table, .array, .options: true
        default: false
        }
    }
}

extension LuaEngine {
    /// A value for messages: "the string \"7110\"", "a table", "an RDS", "nothing".
    func describe(_ index: Int32, _ stack: LuaStack) -> String {
        switch stack.type(index) {
        case HOMEWARD_LUA_NIL: return "nothing"
        case HOMEWARD_LUA_BOOLEAN: return LuaValue.boolean(stack.boolean(index)).found
        case HOMEWARD_LUA_INTEGER: return LuaValue.integer(stack.integer(index)).found
        case HOMEWARD_LUA_NUMBER: return LuaValue.number(stack.number(index)).found
        case HOMEWARD_LUA_STRING: return LuaValue.string(stack.bytes(index) ?? []).found
        case HOMEWARD_LUA_OBJECT: return article(registry.classNames[stack.classNumber(index) - 1])
        case HOMEWARD_LUA_TABLE: return stack.isError(index) ? "an error" : "a table"
        default: return "a \(stack.typeName(index))"
        }
    }
}
