import CPlatform
import Glibc
import HomewardCore
import Logging

/// The transmission phase of one connection, on its thread.
///
/// Everything that has arrived is parsed; runs of changes go to the session as one batch; replies are gathered and sent
/// before the thread waits. Payloads stay where they were received: small ones side by side in a receive buffer, large
/// ones each in a buffer of its own.
final class Transmission {
    private let descriptor: Int32
    private let session: any VolumeSession
    private let size: UInt64
    private let isReadOnly: Bool
    private let lane: ReplyLane
    private let reply: @Sendable (UInt64, VolumeFailure?) -> Void

    /// What is received into; the bytes from `start` to `end` have arrived and wait to be parsed.
    private var buffer: PayloadBuffer
    private var start = 0
    private var end = 0
    /// Payload bytes still to come of a write that was refused.
    private var skip = 0
    private var batch: [VolumeRequest] = []
    /// Replies to reads with their data, until they are sent.
    private let output: PayloadBuffer
    private var outputBytes = 0
    /// After a large payload another one is likely: only its head is received beside others.
    private var expectsLargePayload = false

    init(descriptor: Int32, session: any VolumeSession, pool: PayloadPool, logger: Logger) {
        self.descriptor = descriptor
        self.session = session
        size = session.size
        isReadOnly = session.isReadOnly
        let lane = ReplyLane(descriptor: descriptor, pool: pool, logger: logger)
        self.lane = lane
        reply = { lane.complete($0, $1) }
        buffer = lane.borrow(NBDLimits.receiveBuffer)
        output = lane.borrow(NBDLimits.receiveBuffer)
    }

    /// Serves until the client leaves, breaks the protocol or is shut out, then closes the session; on return nobody
    /// uses the socket any more.
    func run() {
        while parse(), handOver(), receive() {}
        submit()
        session.close()
        // What closing replied to; the client may be gone.
        _ = flush()
        lane.waitUntilQuiet()
        lane.release(buffer)
        lane.release(output)
    }

    // MARK: Receiving

    private func receive() -> Bool {
        makeRoom()
        var room = buffer.memory.count - end
        if expectsLargePayload, start == end { room = min(room, 4096) }
        expectsLargePayload = false
        let count = homeward_receive(descriptor, buffer.memory.baseAddress.map { $0 + end }, room)
        guard count > 0 else { return false }
        end += Int(count)
        return true
    }

    /// Sees to it that a request with an inline payload fits behind `start`.
    private func makeRoom() {
        if start == end, lane.isExclusive(buffer) {
            start = 0
            end = 0
        }
        let unfinished = buffer.memory[start..<end]
        guard buffer.memory.count - start < NBD.requestHeaderLength + NBDLimits.inlinePayload else { return }
        let target = lane.isExclusive(buffer) ? buffer : lane.borrow(NBDLimits.receiveBuffer)
        if let to = target.memory.baseAddress, let from = UnsafeRawBufferPointer(rebasing: unfinished).baseAddress {
            memmove(to, from, unfinished.count)
        }
        if target !== buffer {
            lane.release(buffer)
            buffer = target
        }
        start = 0
        end = unfinished.count
    }

    // MARK: Parsing

    private enum Progress {
        case taken
        case unfinished
        case ended
    }

    /// Takes every whole request that has arrived.
    ///
    /// False ends the connection.
    private func parse() -> Bool {
        while start < end {
            let skipped = min(skip, end - start)
            start += skipped
            skip -= skipped
            guard end - start >= NBD.requestHeaderLength else { return true }
            guard let header = NBDRequestHeader(UnsafeRawBufferPointer(rebasing: buffer.memory[start..<end])) else {
                return false
            }
            switch header.admission(size: size, isReadOnly: isReadOnly) {
            case .disconnect: return false
            case .answer(let failure):
                start += NBD.requestHeaderLength
                skip = header.payloadLength
                lane.answer(failure, cookie: header.cookie)
            case .read:
                start += NBD.requestHeaderLength
                guard read(header) else { return false }
            case .change(let kind, let forceUnitAccess):
                switch take(header, kind, forceUnitAccess) {
                case .taken: continue
                case .unfinished: return true
                case .ended: return false
                }
            }
        }
        return true
    }

    /// Puts a change into the batch, once its payload is complete.
    private func take(_ header: NBDRequestHeader, _ kind: VolumeRequest.Kind, _ forceUnitAccess: Bool) -> Progress {
        let length = header.payloadLength
        let begin = start + NBD.requestHeaderLength
        guard end - begin >= length else {
            return length <= NBDLimits.inlinePayload ? .unfinished : takeLarge(header, kind, forceUnitAccess)
        }
        guard let tag = reserve(header, buffer: length > 0 ? buffer : nil) else { return .ended }
        let payload = UnsafeRawBufferPointer(rebasing: buffer.memory[begin..<begin + length])
        start = begin + length
        add(header, kind, forceUnitAccess, payload, tag)
        return .taken
    }

    /// Receives a payload into memory of its own, beginning with what has arrived.
    private func takeLarge(_ header: NBDRequestHeader, _ kind: VolumeRequest.Kind, _ forceUnitAccess: Bool) -> Progress
    {
        // Whatever came before is not kept waiting by a client that stops in mid-payload.
        guard handOver() else { return .ended }
        let length = header.payloadLength
        let large = lane.borrow(length)
        defer { lane.release(large) }
        let arrived = UnsafeRawBufferPointer(rebasing: buffer.memory[start + NBD.requestHeaderLength..<end])
        large.memory.copyMemory(from: arrived)
        start = end
        guard receiveExactly(descriptor, UnsafeMutableRawBufferPointer(rebasing: large.memory[arrived.count..<length])),
            let tag = reserve(header, buffer: large)
        else { return .ended }
        expectsLargePayload = true
        add(header, kind, forceUnitAccess, UnsafeRawBufferPointer(rebasing: large.memory[..<length]), tag)
        return .taken
    }

    /// A tag for the request, when as few wait as are allowed; nil when the client is gone.
    private func reserve(_ header: NBDRequestHeader, buffer: PayloadBuffer?) -> UInt64? {
        while true {
            if let tag = lane.begin(cookie: header.cookie, isWrite: header.command != NBD.Command.trim, buffer: buffer)
            {
                return tag
            }
            guard handOver() else { return nil }
            lane.waitForReply()
        }
    }

    private func add(
        _ header: NBDRequestHeader,
        _ kind: VolumeRequest.Kind,
        _ forceUnitAccess: Bool,
        _ payload: UnsafeRawBufferPointer,
        _ tag: UInt64
    ) {
        let isFlush = kind == .flush
        batch.append(
            VolumeRequest(
                kind: kind,
                offset: isFlush ? 0 : header.offset,
                length: isFlush ? 0 : UInt64(header.length),
                forceUnitAccess: forceUnitAccess,
                payload: payload,
                tag: tag
            )
        )
    }

    // MARK: Acting

    private func submit() {
        guard !batch.isEmpty else { return }
        session.submit(batch, reply: reply)
        batch.removeAll(keepingCapacity: true)
    }

    /// Hands over what was parsed and sends what was replied; false when the client is gone.
    private func handOver() -> Bool {
        submit()
        return flush()
    }

    private func flush(_ data: UnsafeRawBufferPointer? = nil) -> Bool {
        var pieces: [UnsafeRawBufferPointer] = []
        if outputBytes > 0 { pieces.append(UnsafeRawBufferPointer(rebasing: output.memory[..<outputBytes])) }
        if let data { pieces.append(data) }
        outputBytes = 0
        return lane.flush(pieces)
    }

    /// Reads inline, behind the changes that came before.
    private func read(_ header: NBDRequestHeader) -> Bool {
        submit()
        let length = Int(header.length)
        let needed = NBD.replyHeaderLength + length
        if outputBytes + needed > output.memory.count, !flush() { return false }
        if needed > output.memory.count { return readLarge(header, length) }
        let data = outputBytes + NBD.replyHeaderLength..<outputBytes + needed
        guard fill(UnsafeMutableRawBufferPointer(rebasing: output.memory[data]), header) else { return true }
        if let base = output.memory.baseAddress {
            NBD.storeReply(.success, cookie: header.cookie, to: base + outputBytes)
        }
        outputBytes += needed
        return true
    }

    private func readLarge(_ header: NBDRequestHeader, _ length: Int) -> Bool {
        let large = lane.borrow(length)
        defer { lane.release(large) }
        let data = UnsafeMutableRawBufferPointer(rebasing: large.memory[..<length])
        guard fill(data, header) else { return true }
        if let base = output.memory.baseAddress { NBD.storeReply(.success, cookie: header.cookie, to: base) }
        outputBytes = NBD.replyHeaderLength
        return flush(UnsafeRawBufferPointer(data))
    }

    /// False when the read failed and was answered so.
    private func fill(_ memory: UnsafeMutableRawBufferPointer, _ header: NBDRequestHeader) -> Bool {
        do throws(VolumeFailure) {
            try session.read(at: header.offset, into: memory)
            return true
        } catch {
            lane.note(error)
            lane.answer(NBD.Failure(error, isWrite: false), cookie: header.cookie)
            return false
        }
    }
}
