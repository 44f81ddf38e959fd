import HomewardCore
import HomewardThreads
import NIOCore
import Synchronization

/// Frames that wait to be written on one connection: filled by any thread, emptied by the connection's event loop.
final class Outbox: Sendable {
    /// Bytes handed to the socket at a time; what is beyond waits here, where it is counted.
    static let batch = 1 << 20
    /// When this many bytes wait there is no room for what can wait elsewhere, and when half of them are gone there is again.
    static let mark = 4 << 20

    private struct Contents {
        var frames = CircularBuffer<ByteBuffer>()
        /// Of `frames` and of the batch that is being written.
        var bytes = 0
        /// Whether the event loop has been asked to empty this, or is writing a batch.
        var draining = false
        /// Whether somebody asked for room in vain, and is to be told.
        var awaited = false
        var ended = false
    }

    private let contents = Mutex(Contents())

    enum Addition {
        /// The event loop must be asked to drain.
        case wakeLoop
        /// It is at work and will come by.
        case queued
        /// The connection is no more.
        case ended
    }

    func add(_ frame: ByteBuffer) -> Addition {
        contents.withLock { contents in
            if contents.ended { return .ended }
            contents.frames.append(frame)
            contents.bytes += frame.readableBytes
            if contents.draining { return .queued }
            contents.draining = true
            return .wakeLoop
        }
    }

    /// The next batch for the socket, with its size; nil when there is none, and then the next addition wakes the loop.
    func takeBatch() -> (frames: [ByteBuffer], bytes: Int)? {
        contents.withLock { contents in
            guard !contents.ended, !contents.frames.isEmpty else {
                contents.draining = false
                return nil
            }
            var frames: [ByteBuffer] = []
            var bytes = 0
            while let frame = contents.frames.first, frames.isEmpty || bytes + frame.readableBytes <= Self.batch {
                bytes += frame.readableBytes
                frames.append(frame)
                contents.frames.removeFirst()
            }
            return (frames, bytes)
        }
    }

    /// The socket has taken a batch.
    /// - Returns: whether whoever asked for room in vain is to be told now that there is some.
    func wrote(_ bytes: Int) -> Bool {
        contents.withLock { contents in
            contents.bytes -= bytes
            guard contents.awaited, contents.bytes <= Self.mark / 2 else { return false }
            contents.awaited = false
            return true
        }
    }

    var queuedBytes: Int { contents.withLock { $0.bytes } }

    /// Whether less than ``mark`` bytes wait; where not, ``wrote(_:)`` says once when there is room again.
    ///
    /// A connection that has ended has none, and will not.
    func hasRoom() -> Bool {
        contents.withLock { contents in
            guard !contents.ended else { return false }
            guard contents.bytes >= Self.mark else { return true }
            contents.awaited = true
            return false
        }
    }

    /// Drops everything.
    func end() {
        contents.withLock { contents in
            contents.ended = true
            contents.awaited = false
            contents.frames = []
            contents.bytes = 0
        }
    }
}

/// Frames that have arrived on one connection and wait for its delivery thread: filled by the event loop, bounded by it.
package final class Inbox: Sendable {
    /// When this many bytes wait, the connection reads no more until half of them are delivered.
    package static let limit = 4 << 20
    /// What a frame is counted for beyond its payload, so that a flood of empty ones is bounded too.
    private static let overhead = 64

    private struct Contents {
        var frames = CircularBuffer<Frame>()
        var bytes = 0
        var paused = false
        var ended = false
    }

    private let gate = Monitor(Contents())

    package init() {}

    /// Adds frames.
    ///
    /// False when the connection must not read further for now.
    package func add(_ frames: [Frame]) -> Bool {
        gate.change { contents in
            guard !contents.ended else { return true }
            for frame in frames {
                contents.frames.append(frame)
                contents.bytes += frame.payload.count + Self.overhead
            }
            // Only ``next()`` takes a pause back: it alone tells the connection, which else would never read again.
            if contents.bytes >= Self.limit { contents.paused = true }
            return !contents.paused
        }
    }

    /// Blocks the calling thread until a frame is there; nil when none will come any more.
    ///
    /// `resume` says that the connection may read again.
    package func next() -> (frame: Frame, resume: Bool)? {
        gate.wait { contents -> (frame: Frame, resume: Bool)?? in
            guard let frame = contents.frames.popFirst() else { return contents.ended ? .some(nil) : nil }
            contents.bytes -= frame.payload.count + Self.overhead
            let resume = contents.paused && !contents.ended && contents.bytes <= Self.limit / 2
            if resume { contents.paused = false }
            return (frame, resume)
        }
    }

    /// Nothing more will arrive; what has arrived is delivered, unless `discarding`.
    func end(discarding: Bool) {
        gate.change { contents in
            contents.ended = true
            if discarding {
                contents.frames = []
                contents.bytes = 0
            }
        }
    }
}
