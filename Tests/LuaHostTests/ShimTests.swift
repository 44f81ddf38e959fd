import CLuaShim
import Foundation
import LuaHost
import Testing

/// What the C side promises to Swift.
@Suite("The shim", .timeLimit(.minutes(10)))
struct ShimTests {
    /// What a function of the shim does to the height of a stack that holds a table, a string and a number.
    private static let effects: [(name: String, change: Int32, call: @Sendable (OpaquePointer) -> Void)] = [
        ("top", 0, { _ = homeward_lua_top($0) }),
        ("set_top", -2, { homeward_lua_set_top($0, 1) }),
        ("reserve", 0, { _ = homeward_lua_reserve($0, 10) }),
        ("type_at", 0, { _ = homeward_lua_type_at($0, 9) }),
        ("type_name", 0, { _ = homeward_lua_type_name($0, 1) }),
        ("boolean", 0, { _ = homeward_lua_boolean($0, 1) }),
        ("integer", 0, { _ = homeward_lua_integer($0, 3) }),
        ("integer of a string", 0, { _ = homeward_lua_integer($0, 2) }),
        (
            "integer_form", 0,
            {
                var value: Int64 = 0
                _ = homeward_lua_integer_form($0, 3, &value)
            }
        ),
        ("number", 0, { _ = homeward_lua_number($0, 3) }),
        ("string", 0, { _ = homeward_lua_string($0, 2, nil) }),
        ("string of a number", 0, { _ = homeward_lua_string($0, 3, nil) }),
        ("identity", 0, { _ = homeward_lua_identity($0, 1) }),
        ("raw_equal", 0, { _ = homeward_lua_raw_equal($0, 1, 2) }),
        ("function_at", 0, { _ = homeward_lua_function_at($0, 1) }),
        ("class", 0, { _ = homeward_lua_class($0, 1) }),
        ("push_nil", 1, { homeward_lua_push_nil($0) }),
        ("push_boolean", 1, { homeward_lua_push_boolean($0, true) }),
        ("push_integer", 1, { homeward_lua_push_integer($0, 7) }),
        ("push_number", 1, { homeward_lua_push_number($0, 7.5) }),
        ("push_value", 1, { homeward_lua_push_value($0, 2) }),
        ("push_globals", 1, { homeward_lua_push_globals($0) }),
        ("push_string", 1, { homeward_lua_push_string($0, "x", 1) }),
        ("push_table", 1, { homeward_lua_push_table($0, 1, 1) }),
        ("push_function", 1, { homeward_lua_push_function($0, 100) }),
        ("set_index", -1, { homeward_lua_set_index($0, 1, 1) }),
        ("set_field", -1, { homeward_lua_set_field($0, 1, "f", 1) }),
        ("get_field", 1, { _ = homeward_lua_get_field($0, 1, "f", 1) }),
        ("get_index", 1, { homeward_lua_get_index($0, 1, 1) }),
        (
            "next at the end", 0,
            {
                homeward_lua_push_nil($0)
                #expect(!homeward_lua_next($0, 1))
            }
        ),
        (
            "next", 2,
            {
                homeward_lua_push_value($0, 2)
                homeward_lua_set_field($0, 1, "f", 1)
                homeward_lua_push_nil($0)
                #expect(homeward_lua_next($0, 1))
            }
        ),
        ("ref", -1, { #expect(homeward_lua_ref($0) != 0) }),
        (
            "ref of nil", 0,
            {
                homeward_lua_push_nil($0)
                #expect(homeward_lua_ref($0) != 0)
            }
        ),
        (
            "push_ref, unref", 0,
            {
                let reference = homeward_lua_ref($0)
                homeward_lua_push_ref($0, reference)
                homeward_lua_unref($0, reference)
            }
        ),
        ("push_metatable", 1, { homeward_lua_push_metatable($0, 1) }),
        (
            "set_metatable", 0,
            {
                homeward_lua_push_table($0, 0, 0)
                homeward_lua_set_metatable($0, 1)
            }
        ),
        ("remove", -1, { homeward_lua_remove($0, 1) }),
        ("insert", 0, { homeward_lua_insert($0, 1) }),
        (
            "push_object of no class", 0,
            {
                homeward_lua_push_table($0, 0, 0)
                homeward_lua_push_object($0, 77)
                homeward_lua_set_top($0, 3)
            }
        ),
        (
            "class_make", 0,
            { state in
                for _ in 1...3 { homeward_lua_push_table(state, 0, 0) }
                homeward_lua_class_make(state, 1, "C")
            }
        ),
        (
            "push_object, push_fields", 2,
            { state in
                for _ in 1...3 { homeward_lua_push_table(state, 0, 0) }
                homeward_lua_class_make(state, 1, "C")
                homeward_lua_push_table(state, 0, 0)
                homeward_lua_push_object(state, 1)
                #expect(homeward_lua_class(state, -1) == 1)
                homeward_lua_push_fields(state, -1)
            }
        ),
        (
            "error_seal, is_error", 0,
            { state in
                homeward_lua_error_seal(state)
                homeward_lua_push_table(state, 0, 0)
                homeward_lua_error_make(state)
                homeward_lua_push_table(state, 0, 0)
                homeward_lua_error_seal(state)
                #expect(homeward_lua_is_error(state, -1) && !homeward_lua_is_error(state, 1))
                homeward_lua_set_top(state, 3)
            }
        ),
        ("text", 1, { homeward_lua_text($0, 1) }),
        ("load", 1, { _ = homeward_lua_load($0, "return 1", 8, "=x") }),
        ("load of what is no Lua", 1, { _ = homeward_lua_load($0, "x = =", 5, "=x") }),
        ("compile", 1, { _ = homeward_lua_compile($0, "return 1", 8, "=x") }),
        (
            "call", 1,
            { state in
                _ = homeward_lua_load(state, "return ...", 10, "=x")
                homeward_lua_push_integer(state, 1)
                homeward_lua_push_integer(state, 2)
                #expect(homeward_lua_call(state, 2))
            }
        ),
        (
            "call that raises", 1,
            { state in
                _ = homeward_lua_load(state, "local x = nil; return x.y", 25, "=x")
                homeward_lua_push_integer(state, 1)
                #expect(!homeward_lua_call(state, 1))
            }
        ),
        (
            "set_environment", 1,
            { state in
                _ = homeward_lua_load(state, "return x", 8, "=x")
                homeward_lua_push_table(state, 0, 0)
                homeward_lua_set_environment(state, -2)
            }
        ),
        ("take_lost", 0, { _ = homeward_lua_take_lost($0) }),
        (
            "where", 0,
            { state in
                var source: UnsafePointer<CChar>?
                var line: Int32 = 0
                #expect(!homeward_lua_where(state, &source, &line))
            }
        ),
        (
            "trace_set, trace", 0,
            { state in
                homeward_lua_trace_set(state, 2, "a.lua:1", "calls")
                var length = 0
                #expect(homeward_lua_trace(state, 2, false, &length) != nil && length == 5)
                #expect(homeward_lua_trace(state, 1, false, &length) == nil)
            }
        ),
        ("settle", 0, { _ = homeward_lua_settle($0) }),
    ]

    @Test("each function leaves as much on the stack as it says", arguments: effects.indices)
    func balance(index: Int) throws {
        let (name, change, call) = Self.effects[index]
        let state = try #require(homeward_lua_create(1 << 20))
        _ = homeward_lua_no_fail(state, true)
        homeward_lua_push_table(state, 0, 0)
        homeward_lua_push_string(state, "text", 4)
        homeward_lua_push_integer(state, 7)
        call(state)
        #expect(homeward_lua_top(state) == 3 + change, "\(name)")
        #expect(homeward_lua_destroy(state) == 0)
    }

    /// `lua_State` is only declared to Swift; still somebody could declare a function of Lua by its name.
    @Test(
        "no Swift of ours calls Lua itself",
        .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/nm"))
    )
    func symbols() throws {
        let folder = URL(fileURLWithPath: try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"))
            .deletingLastPathComponent()
        var objects = 0
        for target in try FileManager.default.contentsOfDirectory(atPath: folder.path) where target.hasSuffix(".build")
        {
            let files = try FileManager.default.contentsOfDirectory(atPath: folder.appendingPathComponent(target).path)
            let swift = files.filter { $0.hasSuffix(".swift.o") || $0 == "\(target.dropLast(6)).o" }
            guard target.hasPrefix("Homeward") || target.hasPrefix("LuaHost"), !swift.isEmpty else { continue }
            objects += swift.count
            let names = try undefined(swift.map { folder.appendingPathComponent("\(target)/\($0)").path })
            let found = names.filter { $0.hasPrefix("lua_") || $0.hasPrefix("luaL_") || $0.contains("longjmp") }
            #expect(found.isEmpty, "\(target)")
            if target == "LuaHost.build" { #expect(names.contains("homeward_lua_fiber_resume"), "nm shows nothing") }
        }
        #expect(objects > 0)
    }

    /// Symbols that objects need from elsewhere.
    private func undefined(_ objects: [String]) throws -> Set<String> {
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/nm")
        process.arguments = ["-u"] + objects
        process.standardOutput = pipe
        try process.run()
        let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        let lines = String(decoding: output, as: UTF8.self).split(separator: "\n")
        return Set(lines.compactMap { $0.split(separator: " ").last.map(String.init) })
    }
}
