import HomewardCore
import HomewardRunbooks
import LuaHost

/// The journal on the operator's machine: it outlives every runner.
final class SimulatedJournal {
    private let world: World
    private let clock = VirtualClock()
    private let journal: MemoryJournal
    /// Told of every call and its answer.
    var onCall: (JournalCall, JournalAnswer) -> Void = { _, _ in }

    init(world: World) {
        self.world = world
        let clock = clock
        journal = MemoryJournal { clock.seconds }
    }

    func perform(_ call: JournalCall) -> Result<LuaValue, LuaError> {
        clock.set(nanoseconds: world.wall)
        do {
            let isForgotten =
                if case .endStep(_, _, "done", _) = call { world.planted == .repeatStep } else { false }
            if isForgotten { return .success(.none) }
            let answer = try journal.perform(call)
            onCall(call, answer)
            if world.planted == .skipStep, case .beginStep(let run, let id, _) = call {
                _ = try journal.perform(.endStep(run: run, id: id, state: "done", detail: "{}"))
            }
            return .success(ScriptResults.value(answer))
        } catch let refusal as Refusal {
            // A step whose begin was interrupted is ended all the same, and is not known.
            world.trace("the journal refused \(call): \(refusal)")
            return .failure(LuaError(refusal))
        } catch {
            world.found("the journal failed: \(error)")
            return .failure(LuaError(.runtime, "\(error)", hint: ""))
        }
    }

    /// The process of a runner is gone.
    func processEnded() { journal.processDied() }

    func run(_ id: String) -> RunRecord? { (try? journal.run(id)) ?? nil }
}
