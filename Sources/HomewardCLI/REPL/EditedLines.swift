import CEdit
import Dispatch
import Glibc
import HomewardCore

/// Lines typed at a terminal, with editing, history and Tab.
///
/// The editor is used on one queue only, but for `interrupt`, which may come from any thread.
/// `@unchecked Sendable`: the pointer is that of a C object with this very rule.
final class EditedLines: LineSource, @unchecked Sendable {
    /// What Tab does with a line up to the cursor.
    typealias Complete = @Sendable (_ line: String) -> TabCompletion

    private final class Completer {
        let complete: Complete
        init(_ complete: @escaping Complete) { self.complete = complete }
    }

    let isInteractive = true
    private let edit: OpaquePointer
    private let history: String
    private let completer: Completer
    private let warn: @Sendable (String) -> Void
    private let queue = DispatchQueue(label: "editor")

    /// Nil where there is no terminal to edit on.
    ///
    /// - Parameters:
    ///   - history: the file that keeps what was entered.
    ///   - warn: told when that file cannot be written.
    ///   - complete: asked at each Tab, on the editor's thread.
    init?(history: String, warn: @escaping @Sendable (String) -> Void, complete: @escaping Complete) {
        guard homeward_edit_is_terminal() else { return nil }
        let completer = Completer(complete)
        let created = homeward_edit_create(
            "homeward",
            { context, line, length in
                guard let context, let line else { return homeward_edit_completion() }
                let completer = Unmanaged<Completer>.fromOpaque(context).takeUnretainedValue()
                let text = String(
                    decoding: UnsafeRawBufferPointer(start: line, count: length),
                    as: UTF8.self
                )
                let found = completer.complete(text)
                return homeward_edit_completion(
                    insertion: found.insertion.isEmpty ? nil : strdup(found.insertion),
                    listing: found.listing.isEmpty ? nil : strdup(found.listing)
                )
            },
            Unmanaged.passUnretained(completer).toOpaque()
        )
        guard let created else { return nil }
        edit = created
        self.history = history
        self.completer = completer
        self.warn = warn
        homeward_edit_load(edit, history)
    }

    deinit { homeward_edit_destroy(edit) }

    func next(_ prompt: String) async -> LineInput {
        await withCheckedContinuation { continuation in
            queue.async { continuation.resume(returning: self.read(prompt)) }
        }
    }

    private func read(_ prompt: String) -> LineInput {
        var start: UnsafePointer<CChar>?
        var length = 0
        switch homeward_edit_read(edit, prompt, &start, &length) {
        case HOMEWARD_EDIT_LINE:
            return .line(String(decoding: UnsafeRawBufferPointer(start: start, count: length), as: UTF8.self))
        case HOMEWARD_EDIT_INTERRUPTED: return .interrupted
        default: return .end
        }
    }

    func remember(_ statement: String) {
        queue.async { [self] in
            let code = homeward_edit_remember(edit, history, statement)
            if code < 0 { warn("\(history): the history cannot be kept: \(String(cString: strerror(-code)))") }
        }
    }

    func interrupt() { homeward_edit_interrupt(edit) }
}
