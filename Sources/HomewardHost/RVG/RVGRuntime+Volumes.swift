import HomewardAdministration
import HomewardCore
import HomewardThreads

/// The application's reads and writes, and whoever reads a volume at one position.
extension RVGRuntime {
    func openSession(
        volume: UInt32,
        readOnly: Bool,
        holder: SessionHolder,
        id: UInt64
    ) throws(Refusal) -> RVGSession {
        let refused = step { state, _ -> Refusal? in
            do throws(Refusal) {
                try state.node.openSession(id: id, volume: volume, readOnly: readOnly, holder: holder)
                return nil
            } catch {
                return error
            }
        }
        if let refused { throw refused }
        return RVGSession(
            runtime: self,
            id: id,
            volume: volume,
            size: devices[Int(volume)].size,
            readOnly: readOnly
        )
    }

    func closeSession(_ id: UInt64) {
        step { state, _ in state.node.closeSession(id: id) }
        state.wakeAll()
    }

    // MARK: Writing

    /// Takes one request into the log's order, waiting for room; ``pushLog()`` writes it.
    func submit(_ request: VolumeRequest, volume: UInt32, answer: @escaping @Sendable (VolumeFailure?) -> Void) {
        let pieces = request.kind == .write ? split(request.payload) : []
        let reply: @Sendable (WriteFailure?) -> Void = { failure in answer(failure.map(RVGRuntime.volumeFailure)) }
        if request.kind == .write, request.length == 0 { return answer(nil) }
        while true {
            let admission = step(writesLog: true) { state, effects -> Admission in
                if state.stopped {
                    return .refused(.device(Refusal(.interrupted, name, "the daemon stops", hint: "start it again")))
                }
                let token = state.nextToken
                let admission = admit(request, volume, pieces, token, &state, &effects)
                if admission == .accepted {
                    state.nextToken += 1
                    state.replies[token] = reply
                }
                return admission
            }
            switch admission {
            case .accepted: return
            case .refused(let failure): return reply(failure)
            case .wait:
                if state.withLock({ $0.stopping }) {
                    let stops = Refusal(.interrupted, name, "the daemon stops", hint: "start it again")
                    return reply(.device(stops))
                }
                pushLog()
                waitForRoom()
            }
        }
    }

    private func admit(
        _ request: VolumeRequest,
        _ volume: UInt32,
        _ pieces: [(Range<Int>, UInt32)],
        _ token: UInt64,
        _ state: inout State,
        _ effects: inout NodeEffects
    ) -> Admission {
        if request.kind == .flush {
            // The reply may be due within this very step, so it must be known before.
            return state.node.flush(token: token, into: &effects)
        }
        let key = RVGRuntime.payloadKey(token: token)
        let write = ApplicationWrite(
            kind: RVGRuntime.recordKind(request.kind),
            volume: volume,
            offset: request.offset,
            length: request.length,
            durably: request.forceUnitAccess,
            pieces: pieces.map {
                (PayloadReference(buffer: key, offset: $0.0.lowerBound, count: $0.0.count), $0.1)
            },
            token: token
        )
        let admission = state.node.admit(write, wallTime: HostClock.wall, now: HostClock.now, into: &effects)
        if admission == .accepted, !pieces.isEmpty {
            state.payloads[key] = request.payload
        }
        return admission
    }

    private func split(_ payload: UnsafeRawBufferPointer) -> [(Range<Int>, UInt32)] {
        stride(from: 0, to: payload.count, by: Record.payloadLimit).map { start in
            let range = start..<min(start + Record.payloadLimit, payload.count)
            return (range, checksum(UnsafeRawBufferPointer(rebasing: payload[range])))
        }
    }

    private static func recordKind(_ kind: VolumeRequest.Kind) -> RecordKind {
        switch kind {
        case .write, .flush: .write
        case .zeroes(keepAllocated: true): .zeroes
        case .zeroes(keepAllocated: false), .trim: .trim
        }
    }

    private static func volumeFailure(_ failure: WriteFailure) -> VolumeFailure {
        switch failure {
        case .closed(let refusal), .protection(let refusal), .device(let refusal): .io(refusal)
        }
    }

    /// Waits until writers may try again; looks anyway a few times a second.
    private func waitForRoom() {
        var waited = false
        state.wait(everyMilliseconds: 50) { _ -> Void? in
            defer { waited = true }
            return waited ? () : nil
        }
    }

    /// Writes what waits for the log.
    func pushLog() { drainLog() }

    /// The daemon ends and has been patient: whoever still waits, for room or for a Secondary, is refused.
    ///
    /// To be repeated until the data door has closed: what arrived before may begin to wait after.
    func refuseWaiting() {
        step { state, effects in
            state.stopping = true
            state.node.giveUpWaiting(
                Refusal(
                    .interrupted,
                    name,
                    "the daemon stops before the write is known to be everywhere that it should be",
                    hint: "start it again and read it back"
                ),
                into: &effects
            )
        }
        state.wakeAll()
    }

    // MARK: Reading

    func read(volume: UInt32, at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(Refusal) {
        while true {
            let pieces = state.withLock {
                $0.node.machine.overlay(volume: volume, offset: offset, length: UInt64(buffer.count))
            }
            try devices[Int(volume)].read(at: offset, into: buffer)
            guard !pieces.isEmpty else { return }
            for piece in pieces {
                let start = Int(piece.offset - offset)
                let place = UnsafeMutableRawBufferPointer(rebasing: buffer[start..<start + Int(piece.length)])
                if let source = piece.source {
                    try ring.read(at: source, into: place)
                } else {
                    place.initializeMemory(as: UInt8.self, repeating: 0)
                }
            }
            let lowest = pieces.compactMap(\.source).min() ?? LogPosition(.max)
            if state.withLock({ $0.node.machine.overwrittenBefore <= lowest }) { return }
        }
    }

    /// Runs `body` while the volumes stay at one position, which it is given.
    ///
    /// On a Primary, and on a Secondary that is up to date, that is the end of the log as it was when asked.
    func atPosition<Value>(_ body: (UpdateID) throws(Refusal) -> Value) throws(Refusal) -> Value {
        let wanted = step { state, effects in
            state.node.wantApplied(into: &effects)
            return state.node.machine.durable
        }
        let deadline = HostClock.now.advanced(byMilliseconds: 2_000)
        while HostClock.now < deadline, state.withLock({ $0.node.machine.imagePosition ?? .zero }) < wanted {
            waitForRoom()
        }
        state.withLock { $0.node.holdApplier() }
        defer { step { state, effects in state.node.releaseApplier(into: &effects) } }
        while !state.withLock({ $0.node.machine.isApplierIdle }) {
            if let failure = state.withLock({ $0.node.machine.failure }) { throw failure }
            waitForRoom()
        }
        guard let position = state.withLock({ $0.node.machine.imagePosition }) else {
            throw Refusal(
                .inconsistent,
                "\(diskGroup)/\(name)",
                "the volumes show no position: a synchronization is unfinished, what its copy was made over is not applied,"
                    + " or no Primary was met since the start",
                hint: "vradmin -g \(diskGroup) -l repstatus \(name)"
            )
        }
        return try body(position)
    }
}
