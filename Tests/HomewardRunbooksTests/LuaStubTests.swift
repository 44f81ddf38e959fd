import Foundation
import HomewardRunbooks
import LuaHost
import Testing

/// What editors know of the module is made from its declarations, and committed.
@Suite("The stub for editors", .timeLimit(.minutes(1)))
struct LuaStubTests {
    private static let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("scripts/types/homeward.lua")

    private static let module = HomewardModule.make(ScriptState { _ in })

    @Test("scripts/types/homeward.lua is as the declarations have it; HOMEWARD_UPDATE_PAGES=1 writes it anew")
    func isCurrent() throws {
        let expected = LuaReference.stub([Self.module])
        if ProcessInfo.processInfo.environment["HOMEWARD_UPDATE_PAGES"] == "1" {
            try expected.write(to: Self.path, atomically: true, encoding: .utf8)
        }
        let committed = try? String(contentsOf: Self.path, encoding: .utf8)
        #expect(committed == expected, "HOMEWARD_UPDATE_PAGES=1 swift test -c release --filter LuaStubTests")
    }

    @Test("every function, method, parameter and option says what it is")
    func isExplained() {
        func check(_ function: LuaFunction<ScriptVerb>, _ owner: String) {
            let name = "\(owner).\(function.name)"
            #expect(function.summary.hasSuffix("."), "\(name): \(function.summary)")
            #expect(function.summary.count <= 120, "\(name): \(function.summary.count)")
            for parameter in function.parameters {
                #expect(!parameter.help.isEmpty, "\(name): \(parameter.name)")
                guard case .options(let keys) = parameter.type else { continue }
                #expect(Set(keys.map(\.name)).count == keys.count, "\(name)")
                for key in keys { #expect(!key.help.isEmpty, "\(name): \(key.name)") }
            }
        }
        for function in Self.module.functions { check(function, "hw") }
        for found in Self.module.classes {
            #expect(!found.summary.isEmpty)
            #expect(Set(found.methods.map(\.name)).count == found.methods.count, "\(found.name)")
            for field in found.fields { #expect(!field.help.isEmpty, "\(found.name).\(field.name)") }
            for method in found.methods { check(method, found.name) }
        }
    }
}
