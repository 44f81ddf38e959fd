import FuzzSupport
import LuaHost
import Synchronization
import Testing

/// Goal: whatever a script gives, a body in Swift sees only what its function declares, or is not called; and nothing that
/// is as declared is refused.
///
/// Method: functions of every declared type get values that a generator writes as Lua; what arrives is compared with the
/// declaration, and what goes through unchanged with what the script has.
@Suite("Arguments of scripts", .timeLimit(.minutes(20)))
struct ArgumentFuzzTests {
    private static var types: [LuaType] {
        let keys = [
            LuaType.Key("a", .integer, "One."), LuaType.Key("b", .array(.string), "More."),
            LuaType.Key("c", .options([LuaType.Key("d", .number, "Inner.")]), "Others."),
        ]
        return [
            .any, .boolean, .integer, .number, .string, .bytes, .function, .table, .object("Box"), .array(.any),
            .array(.integer), .array(.array(.string)), .array(.object("Box")), .options(keys),
            .oneOf(["x", "yy"]), .either([.string, .array(.integer), .options(keys)]),
            .either([.boolean, .object("Session")]), .either([.integer, .string]),
        ]
    }

    /// Whether a value is of a type as a body may rely on it.
    private static func conforms(_ value: LuaValue, _ type: LuaType) -> Bool {
        switch (type, value) {
        case (.any, _), (.boolean, .boolean), (.integer, .integer), (.number, .number), (.bytes, .string),
            (.function, .function), (.table, .table):
            return true
        case (.string, .string): return value.text != nil
        case (.object(let name), .object(let object)): return object.className == name
        case (.oneOf(let words), .string): return value.text.map(words.contains) ?? false
        case (.array(let element), .table(let table)):
            return table.fields.isEmpty && table.array.allSatisfy { conforms($0, element) }
        case (.options(let keys), .table(let table)):
            return table.array.isEmpty
                && table.fields.allSatisfy { field in
                    keys.first { $0.name == field.name }.map { conforms(field.value, $0.type) } ?? false
                }
        case (.either(let types), _): return types.contains { conforms(value, $0) }
        default: return false
        }
    }

    private static func expression(_ random: inout FuzzGenerator, depth: Int = 0) -> String {
        let keys = [
            "a", "b", "c", "d", "x", "[1]", "[2]", "[7]", "[-1]", "[1.5]", "[true]", "[{}]", "['\\xFF']", "['a b']",
        ]
        switch random.below(depth > 4 ? 12 : 18) {
        case 0: return "nil"
        case 1: return random.pick(["true", "false"])
        case 2: return "\(Int64(bitPattern: random.word()))".replacing("-9223372036854775808", with: "math.mininteger")
        case 3: return random.pick(["1.0", "-0.0", "2.5", "1e308", "2^53", "2^63", "-2^63", "0/0", "1/0", "5e-324"])
        case 4: return random.pick(["'x'", "'yy'", "''", "'é'", "'\\0'", "('x'):rep(5000)"])
        case 5:
            return "'"
                + random.bytes(random.below(12)).map { "\\x" + String(UInt16($0) | 0x100, radix: 16).dropFirst() }
                .joined()
                + "'"
        case 6: return random.pick(["print", "function() end", "t.same", "setmetatable"])
        case 7: return random.pick(["coroutine.create(print)", "coroutine.running()"])
        case 8: return random.pick(["t.box('b')", "t.open('s')", "select(2, pcall(t.same))"])
        case 9: return "itself()"
        case 10: return "setmetatable({ 1 }, { __index = error, __len = error, __pairs = error, __eq = error })"
        case 11: return "{}"
        default:
            let entries = (0..<random.below(5)).map { _ -> String in
                let value = expression(&random, depth: depth + 1)
                return random.chance(2) ? value : "\(random.pick(keys)) = \(value)"
            }
            let last = random.chance(9) ? ", table.unpack({ 1, nil, 3 }, 1, 3)" : ""
            return "{ " + entries.joined(separator: ", ") + (entries.isEmpty ? "" : last) + " }"
        }
    }

    /// What arrived, and at which function.
    private final class Seen: Sendable {
        let values = Mutex<[(type: Int, value: LuaValue)]>([])
    }

    private static func module(_ seen: Seen) -> LuaModule<TestVerb> {
        LuaModule(
            "z",
            "For fuzzing.",
            functions: types.indices.map { index in
                LuaFunction(
                    "f\(index)",
                    "Takes one type.",
                    [LuaParameter("value", types[index], "It.")],
                    body: .value { arguments in
                        seen.values.withLock { $0.append((index, arguments[0])) }
                        return .none
                    }
                )
            }
        )
    }

    @Test("a body sees what its function declares; everything else, and only that, is refused by name")
    func types() throws {
        try Fuzz.run("arguments", 400) { random in
            let expression = Self.expression(&random)
            try Self.round(expression, random.seed)
        }
    }

    @Test(
        "a whole number is an integer also where a type is one of several",
        arguments: ["2^53", "{ 2^53 }", "{ a = 3.0 }"]
    )
    func wholeNumbers(expression: String) throws { try Self.round(expression, 0) }

    private static func round(_ expression: String, _ seed: UInt64) throws {
        let seen = Seen()
        let stepper = try Stepper(.test(limits: LuaLimits(memory: 32 << 20), more: [module(seen)]))
        let calls = types.indices.map { "call(z.f\($0))" }.joined(separator: " ")
        let text = """
            local t, z = require("t"), require("z")
            local function itself() local x = {} x.x, x[1] = x, x return x end
            local value = \(expression)
            local codes = {}
            local function call(f)
              local ok, e = pcall(f, value)
              codes[#codes + 1] = ok and "" or e.code or tostring(e)
            end
            \(calls)
            local ok, same = pcall(t.same, value)
            return codes, ok and { same }, ok and { value }
            """
        let result = stepper.result(text)
        // What cannot be handed out at all is refused where the results are.
        guard case .success(let values) = result else {
            guard case .failure(let error) = result else { return }
            #expect([LuaError.Code.type, .memoryLimit].contains(error.code), "seed \(seed): \(error) of \(expression)")
            return
        }
        guard case .table(let codes)? = values.first else {
            Issue.record("seed \(seed)")
            return
        }
        #expect(Set(codes.array.compactMap(\.text)).isSubset(of: ["", "bad-argument"]), "seed \(seed): \(codes)")
        let calledCount = codes.array.filter { $0.text == "" }.count
        seen.values.withLock { seen in
            #expect(seen.count == calledCount, "seed \(seed)")
            for (type, value) in seen {
                #expect(conforms(value, types[type]), "seed \(seed): f\(type) of \(expression) saw \(value)")
            }
            // The first function takes anything, as it is.
            guard let any = seen.first(where: { $0.type == 0 })?.value else { return }
            for (type, code) in codes.array.enumerated() where code.text != "" {
                #expect(!conforms(any, types[type]), "seed \(seed): f\(type) refused \(expression)")
            }
        }
        // A function does not come back. Not a number is not equal to itself.
        if values.count == 3, !"\(values[2])".contains("function"), "\(values[1])" != "\(values[2])" {
            Issue.record("seed \(seed): \(values) of \(expression)")
        }
    }
}
