import CPlatform
import Glibc
import HomewardCore
import HomewardThreads
import Logging

/// Replies of one connection: which requests wait for one, and who sends.
///
/// Replies come from the connection's thread and from others (the log's flush thread). At most one thread sends at a
/// time; whoever finds another sending leaves its reply to it. The connection's own thread only gathers, and sends
/// before it next waits. A foreign thread never waits for a client that does not read: it hands the rest to a thread
/// made for it.
///
/// `@unchecked`: everything mutable is guarded by the monitor.
final class ReplyLane: @unchecked Sendable {
    private struct Slot {
        var cookie: UInt64 = 0
        var isWrite = false
        var isTaken = false
        var buffer: PayloadBuffer?
    }

    private let descriptor: Int32
    private let pool: PayloadPool
    private let logger: Logger
    private let owner = pthread_self()
    private let monitor = homeward_monitor_create()
    private var slots: [Slot] = []
    private var freeSlots: [Int] = []
    private var outstanding = 0
    private var heldBytes = 0
    private var pending: [UInt8] = []
    private var spare: [UInt8] = []
    private var isSending = false
    private var isBroken = false
    private var hasLogged = false

    /// Made on the connection's thread.
    init(descriptor: Int32, pool: PayloadPool, logger: Logger) {
        self.descriptor = descriptor
        self.pool = pool
        self.logger = logger
    }

    deinit { homeward_monitor_destroy(monitor) }

    private func locked<Result>(_ body: () -> Result) -> Result {
        homeward_monitor_lock(monitor)
        defer { homeward_monitor_unlock(monitor) }
        return body()
    }

    // MARK: Requests

    /// Notes a request that will be replied to; its tag.
    ///
    /// Nil while as many as are allowed wait.
    func begin(cookie: UInt64, isWrite: Bool, buffer: PayloadBuffer?) -> UInt64? {
        locked {
            guard outstanding < NBDLimits.requestsInFlight else { return nil }
            if freeSlots.isEmpty {
                freeSlots.append(slots.count)
                slots.append(Slot())
            }
            let index = freeSlots.removeLast()
            buffer?.references += 1
            slots[index] = Slot(cookie: cookie, isWrite: isWrite, isTaken: true, buffer: buffer)
            outstanding += 1
            return UInt64(index)
        }
    }

    /// The reply of a session, from any thread.
    func complete(_ tag: UInt64, _ failure: VolumeFailure?) {
        homeward_monitor_lock(monitor)
        let slot = slots[Int(tag)]
        precondition(slot.isTaken, "a session replies to each request once")
        slots[Int(tag)] = Slot()
        freeSlots.append(Int(tag))
        outstanding -= 1
        if let buffer = slot.buffer { releaseLocked(buffer) }
        NBD.appendReply(
            failure.map { NBD.Failure($0, isWrite: slot.isWrite) } ?? .success,
            cookie: slot.cookie,
            to: &pending
        )
        if let failure { logLocked(failure) }
        // The connection's thread may wait for room.
        homeward_monitor_wake_all(monitor)
        if pthread_equal(owner, pthread_self()) != 0 || isSending || isBroken {
            homeward_monitor_unlock(monitor)
            return
        }
        isSending = true
        sendWithoutWaiting()
    }

    /// A reply without a request that waits: one refused at once.
    ///
    /// On the connection's thread.
    func answer(_ failure: NBD.Failure, cookie: UInt64) {
        locked { NBD.appendReply(failure, cookie: cookie, to: &pending) }
    }

    /// NBD carries a number only; the words go to the log, once for each connection.
    func note(_ failure: VolumeFailure) { locked { logLocked(failure) } }

    private func logLocked(_ failure: VolumeFailure) {
        guard !hasLogged, case .io(let refusal) = failure else { return }
        hasLogged = true
        logger.warning(
            "a request failed; further failures of this connection are not logged",
            metadata: ["refusal": "\(refusal)"]
        )
    }

    /// Waits until fewer requests are outstanding.
    ///
    /// On the connection's thread, with nothing kept back.
    func waitForReply() {
        homeward_monitor_lock(monitor)
        defer { homeward_monitor_unlock(monitor) }
        let before = outstanding
        while outstanding == before, outstanding > 0 { _ = homeward_monitor_wait(monitor, .max) }
    }

    // MARK: Buffers

    /// Borrows a buffer, waiting while this connection or all together hold too much and replies can still free some.
    func borrow(_ size: Int) -> PayloadBuffer {
        while true {
            let (isIdle, fits) = locked { (outstanding == 0, heldBytes + size <= NBDLimits.bytesHeld) }
            if isIdle || fits, let buffer = pool.take(size, always: isIdle) {
                locked { heldBytes += buffer.memory.count }
                return buffer
            }
            // Buffers of other connections come back without a wake-up here, hence the bound.
            locked { _ = homeward_monitor_wait(monitor, 5_000_000) }
        }
    }

    /// The connection's thread is done with a buffer that it borrowed.
    func release(_ buffer: PayloadBuffer) { locked { releaseLocked(buffer) } }

    /// Whether nobody but the connection's thread needs the buffer.
    func isExclusive(_ buffer: PayloadBuffer) -> Bool { locked { buffer.references == 1 } }

    private func releaseLocked(_ buffer: PayloadBuffer) {
        buffer.references -= 1
        guard buffer.references == 0 else { return }
        heldBytes -= buffer.memory.count
        pool.put(buffer)
    }

    // MARK: Sending

    /// Sends all gathered replies and then `data`, waiting for a client that reads slowly.
    ///
    /// False when it is gone. On the connection's thread.
    func flush(_ data: [UnsafeRawBufferPointer] = []) -> Bool {
        homeward_monitor_lock(monitor)
        // Whoever sends takes what is pending along; only data, and a client far behind, are waited for.
        while isSending, !data.isEmpty || pending.count > NBDLimits.repliesPending {
            _ = homeward_monitor_wait(monitor, .max)
        }
        if isSending {
            defer { homeward_monitor_unlock(monitor) }
            return !isBroken
        }
        var data = data
        while !isBroken, !pending.isEmpty || !data.isEmpty {
            isSending = true
            let replies = takePending()
            homeward_monitor_unlock(monitor)
            let code = replies.withUnsafeBytes { head -> Int32 in
                var vectors = ([head] + data).map {
                    iovec(iov_base: UnsafeMutableRawPointer(mutating: $0.baseAddress), iov_len: $0.count)
                }
                return homeward_send_vectors(descriptor, &vectors, Int32(vectors.count))
            }
            data = []
            homeward_monitor_lock(monitor)
            giveBack(replies)
            if code != 0 { breakLocked() }
        }
        isSending = false
        let isWhole = !isBroken
        homeward_monitor_wake_all(monitor)
        homeward_monitor_unlock(monitor)
        return isWhole
    }

    /// Waits until no thread uses the socket.
    ///
    /// Afterwards none will, if the session is closed.
    func waitUntilQuiet() {
        homeward_monitor_lock(monitor)
        while isSending { _ = homeward_monitor_wait(monitor, .max) }
        homeward_monitor_unlock(monitor)
    }

    private func takePending() -> [UInt8] {
        let taken = pending
        pending = spare
        spare = []
        return taken
    }

    private func giveBack(_ sent: consuming [UInt8]) {
        sent.removeAll(keepingCapacity: true)
        spare = sent
    }

    /// The client is gone: wakes the connection's thread, which ends the session.
    private func breakLocked() {
        isBroken = true
        pending = []
        _ = homeward_shutdown(descriptor)
    }

    /// Enters with the lock and the right to send, leaves without the lock.
    private func sendWithoutWaiting() {
        while !pending.isEmpty {
            let replies = takePending()
            homeward_monitor_unlock(monitor)
            let sent = replies.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL))
            }
            let code = errno
            if sent != replies.count, sent >= 0 || code == EAGAIN || code == EINTR {
                let rest = Array(replies.dropFirst(max(sent, 0)))
                if startThread("nbd-reply", { self.sendWaiting(rest) }) == 0 { return }
            }
            homeward_monitor_lock(monitor)
            if sent == replies.count { giveBack(replies) } else { breakLocked() }
        }
        isSending = false
        homeward_monitor_wake_all(monitor)
        homeward_monitor_unlock(monitor)
    }

    /// The thread for a client that does not read: holds the right to send until nothing is left.
    private func sendWaiting(_ first: [UInt8]) {
        let isSent = sendBytes(descriptor, first)
        homeward_monitor_lock(monitor)
        if !isSent { breakLocked() }
        while !isBroken, !pending.isEmpty {
            let replies = takePending()
            homeward_monitor_unlock(monitor)
            let isSent = sendBytes(descriptor, replies)
            homeward_monitor_lock(monitor)
            giveBack(replies)
            if !isSent { breakLocked() }
        }
        isSending = false
        homeward_monitor_wake_all(monitor)
        homeward_monitor_unlock(monitor)
    }
}
