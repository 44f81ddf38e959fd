import CLuaShim

/// Copies values into a state.
struct LuaWriter {
    let stack: LuaStack
    /// Numbers of the classes by name.
    let classes: [String: Int]
    /// Deeper values come from a defect: nothing that a host answers is so nested.
    private static let depth = 200

    init(_ stack: LuaStack, classes: [String: Int]) {
        self.stack = stack
        self.classes = classes
    }

    /// Pushes a copy of `value`; on failure nothing.
    func push(_ value: LuaValue) throws(LuaError) {
        let top = stack.top
        do {
            try push(value, depth: 0)
        } catch {
            stack.setTop(top)
            throw error
        }
    }

    private func push(_ value: LuaValue, depth: Int) throws(LuaError) {
        guard depth < Self.depth, stack.reserve(8) else {
            throw LuaError(.type, "a value is nested deeper than \(Self.depth) tables", hint: "")
        }
        switch value {
        case .none, .function: stack.pushNil()
        case .boolean(let value): stack.push(value)
        case .integer(let value): stack.push(value)
        case .number(let value): stack.push(value)
        case .string(let bytes): stack.push(bytes)
        case .table(let table): try push(table, depth: depth)
        case .object(let object):
            guard let number = classes[object.className] else {
                throw LuaError(.type, "no class \(object.className) is declared here", hint: "")
            }
            try push(object.fields, depth: depth)
            homeward_lua_push_object(stack.state, Int32(number))
        }
    }

    private func push(_ table: LuaTable, depth: Int) throws(LuaError) {
        stack.pushTable(array: table.array.count, fields: table.fields.count)
        for (position, value) in table.array.enumerated() {
            try push(value, depth: depth + 1)
            stack.setIndex(-2, Int64(position + 1))
        }
        for field in table.fields {
            try push(field.value, depth: depth + 1)
            stack.setField(-2, field.name)
        }
    }
}
