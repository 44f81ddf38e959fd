/// Where the prompt's lines come from: an editor on a terminal, or whatever is fed into standard input.
package protocol LineSource: Sendable {
    /// Whether somebody types: prompts are shown, and an error is not remembered for the exit code.
    var isInteractive: Bool { get }
    /// The next line, without its end. One at a time.
    func next(_ prompt: String) async -> LineInput
    /// A complete statement was entered.
    func remember(_ statement: String)
    /// Ends the reading that goes on now with ``LineInput/interrupted``. From any thread.
    func interrupt()
}

package enum LineInput: Hashable, Sendable {
    case line(String)
    /// Ctrl-C: what was typed so far is dropped.
    case interrupted
    case end
}
