import LuaHost
import Testing

@Suite("The prompt", .timeLimit(.minutes(10)))
struct PromptTests {
    private func prompt(_ lines: [String]) throws -> (printed: String, errors: [LuaError], stepper: Stepper) {
        let printed = Printed()
        let stepper = try Stepper(.test(printed, globals: .prompt, preloaded: true))
        var errors: [LuaError] = []
        for line in lines {
            if case .failure(let error) = stepper.result(line, name: "stdin", isPrompt: true) { errors.append(error) }
        }
        return (printed.text, errors, stepper)
    }

    private func shown(_ line: String) throws -> String { try prompt([line]).printed }

    @Test(
        "values are shown as one would write them",
        arguments: [
            ("1 + 1", "2\n"), ("nil", "nil\n"), ("x = 5", ""), ("local y = 1", ""), ("1, nil, 'a'", "1\tnil\t\"a\"\n"),
            ("'a\"b\\\\c\\n\\t\\0é'", "\"a\\\"b\\\\c\\n\\t\\x00é\"\n"), ("'\\xFF'", "\"\\xff\"\n"), ("{}", "{}\n"),
            (
                "{ 3, b = 1, a = { 'x' }, ['c d'] = 2, ['end'] = 4, [10] = 5 }",
                "{ 3, [10] = 5, a = { \"x\" }, b = 1, [\"c d\"] = 2, [\"end\"] = 4 }\n"
            ),
            ("t.box('b')", "Box { name = \"b\", size = 3 }\n"), ("t.after(1, 'waited')", "\"waited\"\n"),
            ("t.box", "function t.box\n"), ("print('x')", "x\n"), ("2^53", "9.007199254741e+15\n"),
            ("1e15, 0.1, 3.0", "1e+15\t0.1\t3.0\n"),
            ("(function() local a = {} a.a = a return a end)()", "{ a = { … itself … } }\n"),
            ("{{{{{{{1}}}}}}}", "{ { { { { { {…} } } } } } }\n"),
            ("setmetatable({ 1 }, { __tostring = function() return 'no' end })", "{ 1 }\n"),
            ("for i = 1, 2 do print(i) end", "1\n2\n"), ("return 7", "7\n"),
        ]
    )
    func values(line: String, expected: String) throws { #expect(try shown(line) == expected) }

    @Test("wide tables take a line for each entry, long ones are cut")
    func wide() throws {
        let wide = try shown("{ name = ('x'):rep(60), other = ('y'):rep(60), inner = { 1, 2 } }")
        let x = String(repeating: "x", count: 60)
        let y = String(repeating: "y", count: 60)
        #expect(wide == "{\n  inner = { 1, 2 },\n  name = \"\(x)\",\n  other = \"\(y)\",\n}\n")
        let long = try shown("(function() local l = {} for i = 1, 1000 do l[i] = i end return l end)()")
        #expect(long.hasSuffix("  200,\n  … 800 more,\n}\n"))
    }

    @Test("what an input comes to has an end, however often its tables hold the same one")
    func shared() throws {
        let make =
            "(function(n) local t = 7 for _ = 1, n do local u = {} for i = 1, 200 do u[i] = t end t = u end return t end)"
        let two = try shown("\(make)(2)")
        // All tables count, and what they hold: the last one that is begun is cut, and so is what surrounds it.
        try #require(two.split(separator: "\n").count { $0.contains("7,") } == 4974)
        #expect(two.hasSuffix("    7,\n    …,\n  },\n  …,\n}\n"))
        #expect(try shown("\(make)(6)").count < 200_000)
        let many = try shown("\(make)(2), \(make)(2), 1")
        #expect(many == "\(two.dropLast())\t…\n")
    }

    @Test("a key is shown without running anything of the script, which could change the table meanwhile")
    func keys() throws {
        let (printed, errors, stepper) = try prompt([
            "x = {}",
            """
            k = setmetatable({}, { __tostring = function()
              x[k] = nil
              for i = 1, 1000 do x[i] = i end
              return "called"
            end })
            """,
            "x[k], x.a = 1, 2", "x",
        ])
        #expect(errors.isEmpty)
        #expect(printed.hasPrefix("{ [table: 0x") && printed.contains("] = 1, a = 2 }"), "\(printed)")
        #expect(try stepper.result("return #x").get() == [.integer(0)])
    }

    @Test("help alone helps, and whoever wants to leave is told how")
    func leaving() throws {
        let (printed, errors, _) = try prompt(["help", "exit", "quit()", "exit = 1", "exit"])
        #expect(printed.hasPrefix("help(x) explains") && printed.hasSuffix("\n1\n"), "\(printed)")
        #expect(errors.map(\.code) == [.undeclared, .undeclared])
        #expect(errors.allSatisfy { $0.hint.contains("Ctrl-D") })
        #expect(try failure("exit()")?.hint.contains("Ctrl-D") == false, "a file has no prompt")
    }

    @Test("assigning declares, reading an undeclared name is an error, and it goes on after errors")
    func globals() throws {
        let (printed, errors, _) = try prompt([
            "x = 5", "x", "xx", "x =", "function f() return x * 2 end", "f()", "error('no')", "x",
        ])
        #expect(printed == "5\n10\n5\n")
        #expect(errors.map(\.code) == [.undeclared, .syntax, .runtime])
        #expect(errors.map(\.message).first == "nothing is named 'xx' here")
        #expect(errors.last?.place == "stdin:1")
    }

    @Test(
        "incomplete input is told from wrong input",
        arguments: [
            ("for i = 1, 2 do", true), ("x = ", true), ("f(", true), ("1 +", true), ("{ 1,", true), ("[[long", true),
            ("x = [==[ a\nb", true), ("--[[ comment", true), ("function f()", true), ("if x then", true),
            ("\"open", false),
            ("x = 'open", false), ("x = = 1", false), ("1", false), ("", false), ("x = 1", false), ("end", false),
            ("for i = 1, 2 do\nprint(i)\nend", false), ("return", false), ("x.y", false), ("x.", true),
            ("local function", true),
        ]
    )
    func incomplete(text: String, expected: Bool) { #expect(LuaChunk.isIncomplete(text) == expected) }

    @Test(
        "completion knows globals, tables, objects, methods, options and modules",
        arguments: [
            ("pri", ["print"]), ("x = mat", ["math"]), ("math.fl", ["floor"]), ("t.bo", ["box"]),
            ("b:", ["fill", "label", "twice"]),
            ("b.", ["color", "fill", "label", "name", "size", "twice"]), ("b:l", ["label"]),
            ("list.inner.na", ["name"]),
            ("('x'):up", ["upper"]), ("b.name:up", ["upper"]), ("t.box('x'):la", ["label"]), ("t.box'x':la", ["label"]),
            ("print(t.box(\"x\").si", ["size"]), ("t.work({}, { ch", ["checkpoint"]),
            ("t.work({ 1, 2 }, { force = true, o", ["on_progress"]),
            ("t.work({}, {", ["checkpoint", "every", "force", "on_progress"]), ("t.work({ ", nil), ("x = 1 ..", []),
            ("require(\"", ["t"]), ("require('t", ["t"]), ("print(\"pri", []), ("-- pri", []),
            ("list.", ["inner", "method"]),
            ("list:", ["method"]), ("list.__", ["__hidden"]), ("nothing.", []), ("b:label():up", ["upper"]), ("1.", []),
        ] as [(String, [String]?)]
    )
    func completions(line: String, expected: [String]?) throws {
        let (_, errors, stepper) = try prompt([
            "b = t.box('b')",
            "list = { inner = { name = 'x' }, __hidden = 1, method = function() end, [1] = 2, ['a b'] = 1 }",
        ])
        #expect(errors.isEmpty)
        let found = stepper.run.completions(of: line)
        if let expected { #expect(found == expected) } else { #expect(found.contains("print")) }
    }

    @Test("completion runs nothing of the script")
    func completionIsPassive() throws {
        let (printed, _, stepper) = try prompt([
            "lazy = setmetatable({ real = 1 }, { __index = function() print('called') return { x = 1 } end, __pairs = print })"
        ])
        #expect(stepper.run.completions(of: "lazy.") == ["real"])
        #expect(stepper.run.completions(of: "lazy.other.") == [])
        #expect(printed == "")
    }
}
