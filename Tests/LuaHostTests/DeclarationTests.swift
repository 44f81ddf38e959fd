import LuaHost
import Testing

@Suite("Declared functions and objects", .timeLimit(.minutes(10)))
struct DeclarationTests {
    @Test(
        "a wrong argument names function, parameter, what was found and what is expected",
        arguments: [
            ("t.sleep()", "t.sleep: 'seconds' is missing: a number is expected"),
            ("t.sleep('x')", "t.sleep: 'seconds' is the string \"x\", a number is expected"),
            ("t.sleep('7')", "t.sleep: 'seconds' is the string \"7\", a number is expected"),
            ("t.box({})", "t.box: 'name' is a table, a string of UTF-8 is expected"),
            ("t.box('\\xFF')", "t.box: 'name' is a string of 1 bytes that is not UTF-8, a string of UTF-8 is expected"),
            ("t.box('a', 1, 2)", "t.box: 3 arguments were given, at most 1 are expected"),
            ("t.work(7)", "t.work: 'values' is the number 7, a list, of which each is a value, is expected"),
            ("t.work({ a = 1 })", "t.work: 'values' has the key the string \"a\", a list is expected"),
            ("t.work({ [1] = 1, [3] = 3 })", "t.work: 'values' has gaps, a list is expected"),
            ("t.work({}, 7)", "t.work: 'options' is the number 7, a table of options is expected"),
            ("t.work({}, { forced = true })", "t.work: there is no option 'forced'"),
            ("t.work({}, { [1] = true })", "t.work: there is no option the number 1"),
            ("t.work({}, { force = 'yes' })", "t.work: 'force' is the string \"yes\", true or false is expected"),
            ("t.parallel({ 1 })", "t.parallel: 'functions[1]' is the number 1, a function is expected"),
            (
                "t.parallel(print)",
                "t.parallel: 'functions' is a function, a list, of which each is a function, is expected"
            ),
            ("t.box('b').label()", "Box:label: nothing was given in front, a Box is expected"),
            ("t.box('b').label(t.open('s'))", "Box:label: a Session was given in front, a Box is expected"),
            ("t.box('b'):fill()", "Box:fill: 'with' is missing: a string of UTF-8 is expected"),
            ("t.box('b'):twice(1)", "Box:twice: 1 arguments were given, no arguments are expected"),
        ]
    )
    func wrongArguments(call: String, message: String) throws {
        let error = try failure("local t = require('t')\n\(call)")
        #expect(error?.code == .badArgument)
        #expect(error?.message == message)
        #expect(error?.place == "a.lua:2")
        #expect(error?.hint.isEmpty == false)
    }

    @Test("an option or a field that is nearly right is named")
    func didYouMean() throws {
        #expect(try failure("require('t').work({}, { chekpoint = 'x' })")?.hint == "did you mean 'checkpoint'?")
        #expect(
            try failure("require('t').work({}, { zzz = 'x' })")?.hint
                == "the options are: checkpoint, every, force, on_progress"
        )
        let function = try failure("local t = require('t')\nt.slep(1)")
        #expect(function?.description == "a.lua:2: there is no t.slep [bad-argument]\n  hint: did you mean 't.sleep'?")
        let field = try failure("return require('t').box('b').nmae")
        #expect(field?.message == "a Box has no field or method 'nmae'")
        #expect(field?.hint == "did you mean 'name'?")
        #expect(try failure("require('t').box('b'):lable()")?.hint == "did you mean 'label'?")
    }

    @Test("nil stands for an argument that is left out, and for one too many")
    func nils() throws {
        #expect(
            try output("local t = require('t') print(t.after(1, nil), t.box('b', nil, nil).name, t.work({}, nil))")
                == "nil\tb\tworked\n"
        )
    }

    @Test("numbers reach Swift in the form that is declared")
    func numbers() throws {
        let seen = LuaFunction<TestVerb>(
            "seen",
            "What was seen.",
            [
                LuaParameter("n", .number, "One."), LuaParameter("i", .integer, "Another."),
                LuaParameter(
                    "o",
                    .options([.init("n", .number, "One."), .init("l", .array(.integer), "More.")]),
                    "Options."
                ),
            ],
            body: .value { .text("\($0.values)") }
        )
        let stepper = try Stepper(.test(more: [LuaModule("s", "More.", functions: [seen])]))
        let result = try stepper.result("return require('s').seen(1, 2.0, { n = 3, l = { 1.0, 2 } })").get()
        let options = LuaValue.record(["n": .number(3), "l": .list([.integer(1), .integer(2)])])
        #expect(result == [.text("\([LuaValue.number(1), .integer(2), options])")])
        guard case .failure(let error) = stepper.result("require('s').seen(1, 2.5, {})") else { return }
        #expect(error.message == "s.seen: 'i' is the number 2.5, a whole number is expected")
    }

    @Test("objects have fields and methods, print as their class says, and cannot be changed")
    func objects() throws {
        let text = try output(
            """
            local t = require("t")
            local b = t.box("blue")
            print(b, b.name, b.size, b.color, b:label(), b:twice(), b:fill("sand"))
            print(tostring(t.open("s")), type(b))
            print(b == t.box("blue"), b == t.box("red"), b == t.open("blue"), rawequal(b, b))
            print(select(2, pcall(function() b.name = "x" end)).message)
            print(t.same(b) == b, t.after(1, { b })[1] == b)
            print(pcall(rawget, b, "name"))
            """
        )
        #expect(
            text == """
                blue\tblue\t3\tnil\tbox blue\tbox bluebox blue\tsand
                Session\tuserdata
                true\tfalse\tfalse\ttrue
                a Box cannot be changed
                true\ttrue
                false\tbad argument #1 to 'rawget' (table expected, got Box)

                """
        )
    }

    @Test("a closing method is called at the end of the block, also after an error")
    func closing() throws {
        let printed = Printed()
        let stepper = try Stepper(.test(printed))
        _ = stepper.result(
            """
            local t = require("t")
            do local s <close> = t.open("one") end
            pcall(function() local s <close> = t.open("two") error("x") end)
            """
        )
        #expect(stepper.begun.count == 2)
        #expect(abs(stepper.seconds - 0.1) < 0.001)
    }

    @Test("what a body throws is raised with the place of the call")
    func throwing() throws {
        struct Odd: Error {}
        let functions = [
            LuaFunction<TestVerb>(
                "refuse",
                "Refuses.",
                body: .value { _ in throw LuaError(.type, "no", hint: "go", host: "h") }
            ),
            LuaFunction<TestVerb>("odd", "Throws.", body: .verb { _ in throw Odd() }),
            LuaFunction<TestVerb>("stranger", "Unknown.", body: .value { _ in .object(LuaObject("Stranger", [:])) }),
        ]
        let stepper = try Stepper(.test(more: [LuaModule("s", "More.", functions: functions)]))
        guard case .failure(let error) = stepper.result("local s = require('s')\n\ns.refuse()") else { return }
        #expect(error.description == "a.lua:3: h: no [lua-type]\n  hint: go")
        guard case .failure(let odd) = stepper.result("require('s').odd()") else { return }
        #expect(odd.code == .runtime)
        guard case .failure(let stranger) = stepper.result("require('s').stranger()") else { return }
        #expect(stranger.message == "no class Stranger is declared here")
    }

    @Test("help explains functions, methods, objects, classes, modules and names")
    func help() throws {
        let text = try output(
            """
            local t = require("t")
            help(t.work) help("Box.fill") help(t.box("b")) help("t.sleep") help("sleepp") help(print) help("T") help()
            """
        )
        for expected in [
            "t.work(values, [{options}])\n  Reports, then answers.\n",
            "    on_progress  function  Called with each report.\n", "  Returns string\n",
            "Box:fill(with)\n  Fills it.\n\n  with  string  What with.\n",
            "Box: A box.\n\nFields:\n  name   string   Its name.\n  size   integer  Its size.\n",
            "  Box:label()     Its label.\n", "t.sleep(seconds)\n",
            "nothing is known under the name 'sleepp'; did you mean", "a function: a part of Lua 5.4",
            "  t: For tests.\n    Box: A box.\n",
        ] {
            #expect(text.contains(expected), "\(expected)\n--- in\n\(text)")
        }
        #expect(LuaReference.help("Box:twice", modules: [TestModule.module]) == "Box:twice()\n  In Lua.\n")
        #expect(LuaReference.help("nothing.here", modules: [TestModule.module]) == nil)
    }

    @Test("the stub has every class, field, option and function")
    func stub() throws {
        let stub = LuaReference.stub([TestModule.module])
        for expected in [
            "---@meta\n", "---@class t\nlocal t = {}\n", "---@class t.Box\n---@field name string Its name.\n",
            "---@field color? string Its colour.\n", "---@return string\nfunction Box:label() end\n",
            "---@class t.work.options\n---@field on_progress? function Called with each report.\n",
            "---@param options? t.work.options How.\n---@return string\nfunction t.work(values, options) end\n",
            "--- Waits so many seconds.\n---@async\n---@param seconds number How long; 0 lets others run.\n",
            "---@return t.Box\nfunction t.box(name) end\n", "\nreturn t\n",
        ] {
            #expect(stub.contains(expected), "\(expected)\n--- in\n\(stub)")
        }
        #expect(!stub.contains("@async\n---@param value any It.\n---@return"))
        // It is Lua, and it declares what it says.
        let globals = try LuaChunk.globals(of: LuaSource(name: "stub.lua", text: Array(stub.utf8)))
        #expect(globals.isEmpty)
    }
}
