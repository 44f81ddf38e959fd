import FuzzSupport
import LuaHost
import Testing

/// Goal: a person can type a statement line by line, however it is broken into lines.
///
/// Method: a generator writes Lua that is right, with line ends between any two of its words. Each of its beginnings has to be
/// either Lua by itself, or incomplete; taken for wrong, it would be thrown away with the lines that were to follow.
@Suite("Incomplete lines", .timeLimit(.minutes(20)))
struct CompletenessFuzzTests {
    private static func isLua(_ text: String) -> Bool {
        (try? LuaChunk.globals(of: LuaSource(name: "x", text: Array(text.utf8)))) != nil
    }

    private static func expression(_ random: inout FuzzGenerator, _ depth: Int) -> [String] {
        switch random.below(depth > 3 ? 5 : 12) {
        case 0: return [random.pick(["1", "0x10", "1.5e3", "nil", "true", "..."])]
        case 1: return [random.pick(["'a'", "\"b\\n\"", "[[long\ntext]]", "[==[ ]]\n ]==]", "''", "'<eof>'"])]
        case 2, 3: return [random.pick(["x", "y", "print"])]
        case 4: return ["x", ".", "y"]
        case 5: return ["("] + expression(&random, depth + 1) + [")"]
        case 6:
            return expression(&random, depth + 1) + [random.pick(["+", "..", "==", "and", "or", "//", "<<"])]
                + expression(&random, depth + 1)
        case 7: return [random.pick(["not", "-", "#", "~"])] + expression(&random, depth + 1)
        case 8: return ["f", "("] + list(&random, depth) + [")"]
        case 9: return ["{"] + fields(&random, depth) + ["}"]
        case 10: return ["function", "(", "...", ")"] + block(&random, depth + 1) + ["end"]
        default: return ["x", ":", "m", "{"] + fields(&random, depth) + ["}"]
        }
    }

    private static func list(_ random: inout FuzzGenerator, _ depth: Int) -> [String] {
        (0..<random.below(3)).flatMap { index in (index > 0 ? [","] : []) + expression(&random, depth + 1) }
    }

    private static func fields(_ random: inout FuzzGenerator, _ depth: Int) -> [String] {
        (0..<random.below(3)).flatMap { _ -> [String] in
            let value = expression(&random, depth + 1) + [random.pick([",", ";"])]
            return random.chance(2) ? value : ["k", "="] + value
        }
    }

    private static func block(_ random: inout FuzzGenerator, _ depth: Int) -> [String] {
        (0..<random.below(depth > 2 ? 2 : 4)).flatMap { _ in statement(&random, depth + 1) }
    }

    private static func statement(_ random: inout FuzzGenerator, _ depth: Int) -> [String] {
        switch random.below(11) {
        case 0: return ["local", "v", "="] + expression(&random, depth) + [";"]
        case 1: return ["x", ",", "y", "="] + expression(&random, depth) + [";"]
        case 2: return ["if"] + expression(&random, depth) + ["then"] + block(&random, depth) + ["end"]
        case 3:
            return ["if", "x", "then"] + block(&random, depth) + ["elseif", "y", "then"] + block(&random, depth) + [
                "else"
            ]
                + block(&random, depth) + ["end"]
        case 4: return ["while", "x", "do"] + block(&random, depth) + ["break", "end"]
        case 5: return ["for", "i", "=", "1", ",", "2", "do"] + block(&random, depth) + ["end"]
        case 6:
            return ["for", "k", ",", "v", "in", "f", "("] + list(&random, depth) + [")", "do"] + block(&random, depth)
                + ["end"]
        case 7: return ["repeat"] + block(&random, depth) + ["until"] + expression(&random, depth) + [";"]
        case 8: return ["local", "function", "g", "(", "a", ",", "...", ")"] + block(&random, depth) + ["end"]
        case 9: return ["do"] + block(&random, depth) + ["end", "--[[ a\ncomment ]]", "-- one\n"]
        default: return ["f", "("] + list(&random, depth) + [")", ";"]
        }
    }

    @Test("each beginning of a right text is Lua itself, or incomplete")
    func beginnings() throws {
        try Fuzz.run("beginnings", 150) { random in
            let words = (0...random.below(3)).flatMap { _ in Self.statement(&random, 0) }
            let text = words.map { $0 + (random.chance(3) ? "\n" : " ") }.joined()
            guard Self.isLua(text) else {
                Issue.record("seed \(random.seed): no Lua is generated: \(text)")
                return
            }
            #expect(!LuaChunk.isIncomplete(text), "seed \(random.seed): \(text)")
            let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
            for count in 1..<max(lines.count, 2) {
                let beginning = lines.prefix(count).joined(separator: "\n")
                let isWhole = Self.isLua(beginning) || Self.isLua("return \(beginning)")
                #expect(LuaChunk.isIncomplete(beginning) != isWhole, "seed \(random.seed): \(beginning)")
            }
        }
    }

    @Test("an expression can be typed line by line, too")
    func expressions() throws {
        try Fuzz.run("expressions", 150) { random in
            let words = Self.expression(&random, 0).map { $0 == "..." ? "x" : $0 }
            let text = words.map { $0 + (random.chance(3) ? "\n" : " ") }.joined()
            #expect(!LuaChunk.isIncomplete(text), "seed \(random.seed): \(text)")
            let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
            for count in 1..<max(lines.count, 2) {
                let beginning = lines.prefix(count).joined(separator: "\n")
                let isWhole = Self.isLua("return \(beginning)")
                #expect(isWhole || LuaChunk.isIncomplete(beginning), "seed \(random.seed): \(beginning)")
            }
        }
    }

    @Test("what no further line can mend is not waited for")
    func beyondMending() throws {
        try Fuzz.run("beyond-mending", 150) { random in
            let words = (0...random.below(2)).flatMap { _ in Self.statement(&random, 0) }
            let broken = random.pick(["'open", "x = = 1", ")", "'<eof>' '<eof>'", "end"])
            let text = words.joined(separator: " ") + " " + broken
            guard !Self.isLua(text) else { return }
            #expect(!LuaChunk.isIncomplete(text), "seed \(random.seed): \(text)")
        }
    }

    @Test("any bytes get an answer, and what is Lua is never incomplete")
    func bytes() throws {
        try Fuzz.run("lines", 150) { random in
            let words = (0...random.below(2)).flatMap { _ in Self.statement(&random, 0) }
            let mutated = random.mutate(Array(words.joined(separator: " ").utf8))
            let text = String(decoding: mutated, as: UTF8.self)
            if Self.isLua(text) { #expect(!LuaChunk.isIncomplete(text), "seed \(random.seed): \(text)") }
            _ = LuaChunk.isIncomplete(text)
            _ = LuaChunk.isIncomplete(String(text.dropLast(random.below(8))))
        }
    }
}
