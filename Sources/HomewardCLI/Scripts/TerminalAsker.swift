import Dispatch
import HomewardRunbooks
import Synchronization

/// Asks whoever sits at the terminal; `--yes` answers what may be answered so.
package struct TerminalAsker: ScriptAsker {
    var console: Console
    /// `--yes`.
    var yes: Bool
    var progress: ScriptProgress

    package init(console: Console, yes: Bool, progress: ScriptProgress) {
        (self.console, self.yes, self.progress) = (console, yes, progress)
    }

    package func ask(_ question: ScriptQuestion) async -> String? {
        if yes, let assumed = question.assumed {
            progress.apart { console.note("note: \(question.text) \(assumed) (--yes)") }
            return assumed
        }
        guard console.canAsk else { return nil }
        let over = Latch()
        return await withTaskCancellationHandler {
            await withCheckedContinuation { answered in
                // Typing takes as long as it takes: no thread of the pool waits for it.
                DispatchQueue(label: "question").async { answered.resume(returning: answer(question, over)) }
            }
        } onCancel: {
            over.raise()
        }
    }

    /// The choice that the line typed names, or begins; asked again until it is one of them.
    ///
    /// Nil at the end of input.
    private func answer(_ question: ScriptQuestion, _ over: Latch) -> String? {
        var text = "\(question.text) [\(question.choices.joined(separator: "/"))] "
        while !over.isRaised {
            let typed = progress.quiet { console.line(text) { over.isRaised } }
            guard let word = typed?.lowercased() else { return nil }
            let fitting = question.choices.filter { $0.lowercased().hasPrefix(word) }
            if let exact = question.choices.first(where: { $0.lowercased() == word }) { return exact }
            if !word.isEmpty, fitting.count == 1 { return fitting[0] }
            text = "please type \(question.choices.joined(separator: " or ")): "
        }
        return nil
    }
}

/// Raised once, seen by all.
final class Latch: Sendable {
    private let raised = Atomic(false)
    var isRaised: Bool { raised.load(ordering: .acquiring) }
    func raise() { raised.store(true, ordering: .releasing) }
    /// Whether it had been raised before.
    func raiseAgain() -> Bool { raised.exchange(true, ordering: .acquiringAndReleasing) }
}
