import CEdit
import Dispatch
import Glibc
import Synchronization

/// Lines of a pipe or a file.
package final class PipedLines: LineSource {
    private struct State {
        var bytes: [UInt8] = []
        /// How many of them were searched for an end of line.
        var searched = 0
        var hasEnded = false
    }

    package let isInteractive = false
    private let descriptor: Int32
    private let queue = DispatchQueue(label: "lines")
    private let interrupted = Latch()
    private let state = Mutex(State())

    package init(_ descriptor: Int32 = STDIN_FILENO) { self.descriptor = descriptor }

    package func next(_ prompt: String) async -> LineInput {
        await withCheckedContinuation { continuation in
            // Blocks: not on a thread of the pool.
            queue.async { continuation.resume(returning: self.read()) }
        }
    }

    package func remember(_ statement: String) {}

    /// Everything that is still to come is dropped too.
    package func interrupt() { interrupted.raise() }

    private func read() -> LineInput {
        while true {
            if interrupted.isRaised { return .interrupted }
            if let line = state.withLock({ Self.take(&$0) }) { return .line(line) }
            if state.withLock({ $0.hasEnded }) { return .end }
            let ready = homeward_edit_wait_readable(descriptor, 100)
            if ready == 0 { continue }
            var buffer = [UInt8](repeating: 0, count: 65_536)
            let count = ready < 0 ? 0 : Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            state.withLock { state in
                if count > 0 { state.bytes += buffer[..<count] } else { state.hasEnded = true }
            }
        }
    }

    /// The next line that is whole, or the rest once there is no more to come.
    private static func take(_ state: inout State) -> String? {
        guard let end = state.bytes[state.searched...].firstIndex(of: UInt8(ascii: "\n")) else {
            state.searched = state.bytes.count
            guard state.hasEnded, !state.bytes.isEmpty else { return nil }
            defer { state = State(hasEnded: true) }
            return String(decoding: state.bytes, as: UTF8.self)
        }
        defer {
            state.bytes.removeFirst(end + 1)
            state.searched = 0
        }
        return String(decoding: state.bytes[..<end], as: UTF8.self)
    }
}
