import HomewardRunbooks
import LuaHost
import Testing

/// Goal: no binding takes what it is not declared to take.
///
/// Method: from the declarations themselves: each parameter of each function and method gets a value of every other type, is
/// left out, and gets one too many beside it; all others are right.
@Suite("Arguments of every binding", .timeLimit(.minutes(5)))
struct BindingArgumentsTests {
    /// Values, and the kinds of types that take them.
    private static let samples: [(text: String, kinds: Set<String>)] = [
        ("true", ["boolean"]), ("7", ["integer", "number"]), ("7.5", ["number"]),
        ("'no such word'", ["string", "bytes"]),
        ("'\\xFF'", ["bytes"]), ("print", ["function"]), ("{ no_such_key = 1, 2 }", ["table"]),
        ("coroutine.create(print)", []),
    ]

    private static func kinds(_ type: LuaType) -> Set<String> {
        switch type {
        case .any: ["boolean", "integer", "number", "string", "bytes", "function", "table", "thread"]
        case .boolean: ["boolean"]
        case .integer: ["integer"]
        case .number: ["number"]
        case .string: ["string"]
        case .bytes: ["bytes"]
        case .function: ["function"]
        case .table: ["table"]
        case .object, .array, .options, .oneOf: []
        case .either(let types): types.reduce(into: []) { $0.formUnion(kinds($1)) }
        }
    }

    private static func right(_ type: LuaType) -> String {
        switch type {
        case .any, .integer, .number: "7"
        case .boolean: "true"
        case .string, .bytes: "'x'"
        case .function: "print"
        case .table: "{}"
        case .object(let name): "objects.\(name)"
        case .array(let element): "{ \(right(element)) }"
        case .options(let keys):
            "{ " + keys.filter { !$0.isOptional }.map { "\($0.name) = \(right($0.type))" }.joined(separator: ", ")
                + " }"
        case .oneOf(let words): "'\(words.first ?? "")'"
        case .either(let types): right(types.first ?? .any)
        }
    }

    private static func wrong(_ type: LuaType) -> [String] {
        if case .any = type { return [] }
        let takes = kinds(type)
        var found = samples.filter { $0.kinds.isDisjoint(with: takes) }.map(\.text)
        switch type {
        case .array(let element): found += wrong(element).map { "{ \(right(element)), \($0) }" }
        case .options(let keys):
            for key in keys { found += wrong(key.type).map { "{ \(key.name) = \($0) }" } }
        default: break
        }
        return found
    }

    /// Calls of one function, each with one thing wrong.
    private static func calls(_ name: String, _ parameters: [LuaParameter], object: String?) -> [String] {
        let first = object.map { ["objects.\($0)"] } ?? []
        let all = parameters.map { right($0.type) }
        func call(_ arguments: [String]) -> String { "\(name), " + (first + arguments).joined(separator: ", ") }
        var calls: [String] = []
        for (index, parameter) in parameters.enumerated() {
            calls += wrong(parameter.type).map { call(all[..<index] + [$0] + all[(index + 1)...]) }
            if !parameter.isOptional { calls.append(call(all[..<index] + ["nil"] + all[(index + 1)...])) }
        }
        calls.append(call(all + ["1"]))
        if object != nil { calls.append("\(name), {}") }
        return calls
    }

    @Test("each refuses what it is not declared to take, by name, and asks for nothing")
    func refusals() throws {
        let said = Bench.Lines()
        let world = ScriptWorld.make(ScriptState { said.add($0) }) { _ in }
        var calls: [String] = []
        var objects: [LuaTable.Field] = []
        for module in world.modules {
            for function in module.functions {
                calls += Self.calls("require('\(module.name)').\(function.name)", function.parameters, object: nil)
            }
            for declared in module.classes {
                objects.append(LuaTable.Field(name: declared.name, value: .object(LuaObject(declared.name, [:]))))
                for method in declared.methods {
                    let name = "objects.\(declared.name).\(method.name)"
                    calls += Self.calls(name, method.parameters, object: declared.name)
                }
            }
        }
        #expect(calls.count > 1000)
        let text = """
            local objects = ...
            local found = {}
            local function call(index, f, ...)
              local ok, e = pcall(f, ...)
              if ok or e.code ~= "bad-argument" then found[#found + 1] = index .. ": " .. tostring(e) end
            end
            \(calls.enumerated().map { "call(\($0.offset), \($0.element))" }.joined(separator: "\n"))
            return found
            """
        let run = try LuaRun(world)
        let source = LuaSource(name: "calls.lua", text: Array(text.utf8))
        let step = run.start(source, arguments: [.table(LuaTable(fields: objects))], now: LuaInstant(nanoseconds: 1))
        #expect(step.begin.isEmpty && said.all.isEmpty)
        guard case .finished(let values) = step.state, case .table(let found)? = values.first else {
            Issue.record("\(step.state)")
            return
        }
        for text in found.array.prefix(20).compactMap({ $0.text }) {
            let index = text.split(separator: ":").first.flatMap { Int($0) } ?? 0
            Issue.record("\(calls[index]) is taken: \(text)")
        }
    }
}
