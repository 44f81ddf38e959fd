import Synchronization

/// A piece of memory that requests point into until they are replied to.
///
/// `references` belongs to the reply lane of the connection that borrowed it, and is touched under its lock.
final class PayloadBuffer: @unchecked Sendable {
    let memory: UnsafeMutableRawBufferPointer
    /// Requests that point here, and one for the connection while it receives into it.
    var references = 1

    init(byteCount: Int) { memory = .allocate(byteCount: byteCount, alignment: 4096) }

    deinit { memory.deallocate() }
}

/// Buffers for payloads, reused: a page fresh from the kernel costs more than a copy.
final class PayloadPool: Sendable {
    private struct State {
        var idle: [[PayloadBuffer]] = []
        var idleBytes = 0
        var lentBytes = 0
    }

    private let state = Mutex(State())

    /// A buffer of at least `size` bytes; nil when all connections together hold too much, unless `always`.
    func take(_ size: Int, always: Bool) -> PayloadBuffer? {
        let rank = Self.rank(size)
        let bytes = NBDLimits.receiveBuffer << rank
        let found: PayloadBuffer?? = state.withLock { state in
            guard always || state.lentBytes + bytes <= NBDLimits.bytesLent else { return .none }
            state.lentBytes += bytes
            guard rank < state.idle.count, let buffer = state.idle[rank].popLast() else { return .some(nil) }
            state.idleBytes -= bytes
            return buffer
        }
        guard let found else { return nil }
        let buffer = found ?? PayloadBuffer(byteCount: bytes)
        buffer.references = 1
        return buffer
    }

    /// Takes a buffer back that nobody points into.
    func put(_ buffer: PayloadBuffer) {
        let bytes = buffer.memory.count
        let rank = Self.rank(bytes)
        state.withLock { state in
            state.lentBytes -= bytes
            guard state.idleBytes + bytes <= NBDLimits.bytesIdle else { return }
            while state.idle.count <= rank { state.idle.append([]) }
            state.idle[rank].append(buffer)
            state.idleBytes += bytes
        }
    }

    /// Bytes that connections hold at this moment.
    var lentBytes: Int { state.withLock { $0.lentBytes } }

    /// Sizes are the receive buffer's times a power of two.
    private static func rank(_ size: Int) -> Int {
        var rank = 0
        while NBDLimits.receiveBuffer << rank < size { rank += 1 }
        return rank
    }
}
