import LuaHost
import Testing

@Suite("Names of globals in a text", .timeLimit(.minutes(1)))
struct GlobalsTests {
    private func uses(_ text: String) throws -> [String] {
        try LuaChunk.globals(of: LuaSource(name: "a.lua", text: Array(text.utf8))).map {
            "\($0.line) \($0.name)\($0.isAssigned ? " =" : "")"
        }
    }

    @Test("reading and assigning are found with their lines, in functions too")
    func found() throws {
        let text = """
            local a = print
            b = 1
            function c() d = e end
            local function f()
              return function() return g.h(i) + (j or 0) end
            end
            k.l = 1; m[n] = o
            for p in pairs(q) do r(p) end
            """
        #expect(
            try uses(text) == [
                "1 print", "2 b =", "3 c =", "3 d =", "3 e", "5 g", "5 i", "5 j", "7 k", "7 m", "7 n", "7 o", "8 pairs",
                "8 q", "8 r",
            ]
        )
    }

    @Test("locals, fields and names of an own _ENV are no globals; _ENV.x is one")
    func notFound() throws {
        #expect(try uses("local x = { y = 1 } x.y = x.z return x:w()") == [])
        #expect(try uses("local _ENV = {} x = y; local function f() return z end") == [])
        #expect(try uses("local function f(_ENV) return x end") == [])
        #expect(try uses("return _ENV.x, _ENV['y']") == ["1 x", "1 y"])
        #expect(try uses("#!shebang\nreturn x") == ["2 x"])
        #expect(try uses("") == [])
    }

    @Test("names are found behind hundreds of constants")
    func manyConstants() throws {
        var text = "local t = {\n"
        for i in 0..<600 { text += "'constant\(i)', \(i).5,\n" }
        text += "}\nlate = 1\nreturn later, function() return latest end"
        #expect(try uses(text) == ["603 late =", "604 later", "604 latest"])
        var long = ""
        for _ in 0..<500 { long += "local _ = 1\ndo end\n".replacing("local _ = 1\n", with: "") }
        #expect(try uses(long + "x()") == ["501 x"])
    }

    @Test("every name of a real text is known by its line")
    func largeText() throws {
        var text = ""
        for i in 1...3000 { text += "name\(i % 50)(\(i))\n" }
        let found = try uses(text)
        #expect(found.count == 3000)
        #expect(found[1234] == "1235 name\(1235 % 50)")
    }

    @Test("a text that is no Lua is refused with its line")
    func syntax() {
        let error = #expect(throws: LuaError.self) {
            try LuaChunk.globals(of: LuaSource(name: "site.lua", text: Array("\nx = = 1".utf8)))
        }
        #expect(error?.code == .syntax)
        #expect(error?.message.hasPrefix("site.lua:2: unexpected symbol") == true)
    }
}
