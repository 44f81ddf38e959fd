import Foundation
import HomewardCLI
import HomewardCore
import Testing

/// Every verb in every state, with right and wrong arguments, as a new user types them.
@Suite("The walk", .serialized, .timeLimit(.minutes(5)))
struct WalkTests {
    @Test(
        "a refused command says code, object, reason and next command, alike for people and programs, and changes nothing",
        arguments: WalkState.all
    )
    func walk(_ state: WalkState) async throws {
        try await Operator.run { someone in
            let guide = Guide(someone)
            do {
                try await state.reach(guide)
            } catch {
                await guide.end()
                throw error
            }
            var transcript = Transcript(
                state.title,
                Steady(folder: someone.trio.folder, isFlowing: !state.moving.isEmpty)
            )
            for typed in guide.typed { transcript.add(typed) }
            transcript.say("what is shown")
            var before = try await Footprint(someone.trio, moving: state.moving)
            for line in WalkLines.views { transcript.add(try await check(line, someone, state, &before)) }
            transcript.say("what is refused, or is so already")
            for line in WalkLines.verbs where !state.moves.contains(line) {
                transcript.add(try await check(line, someone, state, &before))
            }
            if state.name == "04-up-to-date" {
                transcript.say("what is wrong in every state")
                for line in WalkLines.wrongWords { transcript.add(try await check(line, someone, state, &before)) }
                transcript.say("what is asked, and answered with no")
                for line in WalkState.questions {
                    transcript.add(await someone.type(line, answer: false))
                }
                #expect(try await Footprint(someone.trio) == before)
            } else {
                for line in WalkLines.wrongWords {
                    let typed = await judge(line, someone, state)
                    let mayEnd = WalkLines.answered.contains(line)
                    #expect(typed.exit != 0 || mayEnd, "\(state.name): \(line): \(typed.shown)")
                }
                let after = try await Footprint(someone.trio, moving: state.moving)
                let isChanged = after != before
                #expect(!isChanged, "\(state.name): a line that is always wrong: \(after.difference(from: before))")
            }
            await guide.end()
            try transcript.approve(as: "walk-\(state.name)")
        }
    }

    /// Types a line as ``judge(_:_:_:)`` does, and compares all hosts before and after.
    private func check(
        _ line: String,
        _ someone: Operator,
        _ state: WalkState,
        _ before: inout Footprint
    ) async throws -> Operator.Typed {
        let typed = await judge(line, someone, state)
        let after = try await Footprint(someone.trio, moving: state.moving)
        let isChanged = after != before
        #expect(!isChanged, "\(state.name): \(line)\n\(after.difference(from: before))\n\(typed.shown)")
        before = after
        return typed
    }

    /// Types a line for people and for programs, and compares what both are told and end with.
    private func judge(_ line: String, _ someone: Operator, _ state: WalkState) async -> Operator.Typed {
        let place = "\(state.name): \(line)"
        let typed = await someone.type(line)
        let programmed = await someone.type(line, json: true)
        #expect(programmed.exit == typed.exit, "\(place): \(typed.shown) \(programmed.out)")
        let words = typed.shown.joined(separator: "\n")
        guard typed.exit != 0, let error = Self.error(programmed.out.joined(separator: "\n")) else {
            // A plan that cannot be carried out is shown, with what stands in its way.
            let isPlan = typed.exit == 1 && line.contains("--plan")
            #expect(typed.exit == 0 || isPlan, "\(place): no error in \(programmed.out)")
            return typed
        }
        #expect(typed.exit == (error.code == "usage" ? 2 : 1), "\(place): \(typed.exit)")
        #expect(RefusalCode(rawValue: error.code) != nil, "\(place): \(error.code)")
        for field in [error.message, error.hint, error.object] { #expect(!field.isEmpty, "\(place): \(error)") }
        for part in ["[\(error.code)]", error.message, error.object, "\n  hint: \(error.hint)"] {
            #expect(words.contains(part), "\(place): \(part) is not in \(words)")
        }
        for command in HintCommands.all(in: error.hint) {
            let isUnderstood = HintCommands.misunderstanding(of: command) == nil
            #expect(isUnderstood, "\(place): \(command.joined(separator: " ")) of the hint is no command")
        }
        return typed
    }

    private struct Failure: Decodable {
        var code: String
        var message: String
        var hint: String
        var object: String
    }

    private static func error(_ json: String) -> Failure? {
        struct Wrapped: Decodable { var error: Failure }
        return try? JSONDecoder().decode(Wrapped.self, from: Data(json.utf8)).error
    }
}

extension WalkState {
    /// Lines that ask, typed where they would be carried out.
    static let questions = [
        "vradmin -g hrdg migrate hr_rvg seattle", "vradmin -g hrdg stoprep hr_rvg seattle",
        "vradmin -g hrdg -verify syncrvg hr_rvg seattle",
    ]
}
