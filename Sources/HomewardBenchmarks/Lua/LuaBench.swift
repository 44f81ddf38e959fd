import Foundation
import LuaHost

/// The module `bench` that the scripts of these benchmarks call, and the stock interpreter beside them.
enum LuaBench {
    /// A verb is answered with its number.
    typealias Verb = Int64

    static var world: LuaWorld<Verb> {
        let all = functions + LuaConcurrency.functions()
        return LuaWorld(modules: [LuaModule("bench", "For benchmarks.", functions: all)], output: { _ in })
    }

    /// Seconds of processor time that a script takes that waits for nothing, without what it takes to begin.
    static func seconds(_ text: String) throws -> Double {
        let run = try LuaRun(world)
        let now = LuaInstant(nanoseconds: 0)
        let began = Processes.ownProcessorSeconds
        var step = run.start(LuaSource(name: "ours.lua", text: Array(text.utf8)), now: now)
        while case .preempted = step.state { step = run.proceed(now: now) }
        guard case .finished = step.state else { throw CannotRun("\(step.state)") }
        return Processes.ownProcessorSeconds - began
    }

    private static var functions: [LuaFunction<Verb>] {
        let value = LuaParameter("value", .integer, "What is given back.")
        return [
            LuaFunction("same", "Gives it back.", [value], returns: .integer, body: .value { $0[0] }),
            LuaFunction(
                "take",
                "Takes a string and options.",
                [
                    LuaParameter("name", .string, "What is given back."),
                    LuaParameter("options", .options([LuaType.Key("force", .boolean, "Whether.")]), "How."),
                ],
                returns: .string,
                body: .value { $0[0] }
            ),
            LuaFunction(
                "wait",
                "Gives it back later.",
                [value],
                returns: .integer,
                body: .verb { arguments in
                    guard case .integer(let number) = arguments[0] else { return .value(.none) }
                    return .wait(number)
                }
            ),
        ]
    }

    /// Runs a text by the stock interpreter, and gives the number that it prints.
    static func stock(_ text: String, _ run: Run) throws -> Double {
        let file = "\(run.folder)/stock.lua"
        try text.write(toFile: file, atomically: true, encoding: .utf8)
        let output = try Program.system("lua5.4", [file], output: "\(run.folder)/stock.out").succeed().text
        guard let number = Double(output.filter { !$0.isWhitespace }) else { throw CannotRun("lua5.4 says \(output)") }
        return number
    }
}
