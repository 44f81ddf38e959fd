import Foundation
import LuaHost
import Testing

/// How much longer a script takes here than in a release build: a sanitizer says so.
let slowness = ProcessInfo.processInfo.environment["HOMEWARD_SLOWNESS"].flatMap(Double.init) ?? 1

/// A driver whose verbs take the time they name.
func testDriver(
    _ printed: Printed = Printed(),
    limits: LuaLimits = LuaLimits(),
    globals: LuaWorld<TestVerb>.Globals = .strict,
    sources: [String: String] = [:],
    onStuck: @escaping @Sendable (String) -> Void = { Issue.record("stuck: \($0)") }
) throws -> LuaDriver<TestVerb> {
    let world = LuaWorld.test(printed, limits: limits, globals: globals, preloaded: true, sources: sources)
    return try LuaDriver(world, onStuck: onStuck) { verb, progress throws(LuaError) in
        try await verb.perform(progress)
    }
}

extension TestVerb {
    /// Carries it out in real time.
    func perform(_ progress: @Sendable (LuaValue) -> Void) async throws(LuaError) -> LuaValue {
        switch self {
        case .after(let seconds, let value):
            try await Self.sleep(seconds)
            return value
        case .fail(let seconds, let error):
            try await Self.sleep(seconds)
            throw error
        case .hang(let seconds):
            do throws(LuaError) { try await Self.sleep(3600) } catch {
                // Its end takes time, and a cancelled task cannot sleep.
                await Task { try? await Task.sleep(for: .seconds(seconds)) }.value
                throw error
            }
            return .none
        case .report(let every, let values, let answer):
            for value in values {
                try await Self.sleep(every)
                progress(value)
            }
            try await Self.sleep(every)
            return answer
        }
    }

    private static func sleep(_ seconds: Double) async throws(LuaError) {
        do { try await Task.sleep(for: .seconds(seconds)) } catch {
            throw LuaError(.interrupted, "cancelled", hint: "")
        }
    }
}

extension LuaSource {
    static func file(_ text: String) -> LuaSource { LuaSource(name: "a.lua", text: Array(text.utf8)) }
}

extension LuaDriver {
    /// Runs a text to its end.
    func run(_ text: String) async throws(LuaError) -> [LuaValue] {
        try await run(.file(text))
    }

    /// What a text fails with; nil when it does not.
    func failure(_ text: String) async -> LuaError? {
        do throws(LuaError) {
            _ = try await run(text)
            return nil
        } catch {
            return error
        }
    }
}

extension Printed {
    /// Waits until a text was printed.
    func wait(for text: String) async throws {
        while !self.text.contains(text) { try await Task.sleep(for: .milliseconds(2)) }
    }
}
