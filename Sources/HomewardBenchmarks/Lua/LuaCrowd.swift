import Foundation
import LuaHost

/// Many scripts, each a state of its own, that all wait at once; beside as many coroutines of one stock state.
enum LuaCrowd {
    private static let waits = 10
    private static let source = LuaSource(
        name: "many.lua",
        text: Array(
            "local n, wait = ..., require('bench').wait for i = 1, \(waits) do n = n + wait(1) end return n".utf8
        )
    )

    static func lines(_ run: Run, _ rounds: Int) throws -> [Line] {
        let count = run.scaled(10_000, tiny: 100)
        let coroutines = """
            local began, waiting = os.clock(), {}
            for i = 1, \(count) do
              waiting[i] = coroutine.create(function(n)
                for i = 1, \(waits) do n = n + coroutine.yield() end
                return n
              end)
              coroutine.resume(waiting[i], i)
            end
            for round = 1, \(waits) do for i = 1, \(count) do coroutine.resume(waiting[i], 1) end end
            print(os.clock() - began)
            """
        var bytes: [Double] = []
        let result = try Rounds.measure(
            rounds,
            [
                Rounds.Side(name: "ours") { _ in
                    let (seconds, held) = try waitAtOnce(count)
                    bytes.append(held)
                    return seconds
                },
                Rounds.Side(name: "stock") { _ in try LuaBench.stock(coroutines, run) },
            ]
        )
        let (ours, stock) = (result.median("ours"), result.median("stock"))
        return [
            Line(
                "\(count) scripts wait \(waits) times each",
                ours,
                "s",
                .atMost(30),
                detail: "states of their own; as many coroutines of one stock state: \(Figure.seconds(stock))"
            ),
            Line(
                "memory of a script that waits",
                (bytes.first ?? .nan) / 1024,
                "KiB",
                .atMost(256),
                detail: "its state, libraries and run; of the first round, as freed memory is used again"
            ),
        ]
    }

    /// Seconds, and bytes of this process for each while all wait.
    private static func waitAtOnce(_ count: Int) throws -> (seconds: Double, bytes: Double) {
        let now = LuaInstant(nanoseconds: 0)
        let own = ProcessInfo.processInfo.processIdentifier
        let before = try Processes.mebibytes("VmRSS", of: own)
        let began = Stopwatch.now
        var runs: [(run: LuaRun<LuaBench.Verb>, step: LuaStep<LuaBench.Verb>)] = []
        for number in 0..<count {
            let run = try LuaRun(LuaBench.world)
            runs.append((run, run.start(source, arguments: [.integer(Int64(number))], now: now)))
        }
        let held = try Processes.mebibytes("VmRSS", of: own) - before
        for _ in 0..<waits {
            for index in runs.indices {
                guard let (id, request) = runs[index].step.begin.first, case .verb(let answer) = request else {
                    throw CannotRun("a script asks for nothing: \(runs[index].step.state)")
                }
                runs[index].step = runs[index].run.finish(id, .success(.integer(answer)), now: now)
            }
        }
        let seconds = Stopwatch.seconds(since: began)
        for (number, entry) in runs.enumerated() {
            guard case .finished(let values) = entry.step.state, values == [.integer(Int64(number + waits))] else {
                throw CannotRun("script \(number) came to \(entry.step.state)")
            }
        }
        return (seconds, held * 1_048_576 / Double(count))
    }
}
