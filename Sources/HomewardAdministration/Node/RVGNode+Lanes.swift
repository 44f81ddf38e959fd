import HomewardCore

/// What the driver pulls. Each pull is answered by one report to the machine (``RVGNode/step(now:wallTime:into:_:)``).
extension RVGNode {
    public mutating func nextLogBatch() -> LogBatch? { machine.nextLogBatch() }
    public mutating func nextLogSync(now: Instant) -> UpdateID? { machine.nextLogSync(now: now) }
    public mutating func nextHeader(now: Instant) -> RVGHeader? { machine.nextHeader(now: now) }
    public mutating func nextApplyBatch() -> ApplyBatch? { machine.nextApplyBatch() }
    public mutating func nextVolumeSync() -> UpdateID? { machine.nextVolumeSync() }
    public mutating func takeDroppedPayloads() -> [UInt64] { machine.takeDroppedPayloads() }

    /// Everything that may leave for peers now, in order for each; records only for peers that `mayTakeRecords` allows.
    public mutating func pullForPeers(
        now: Instant,
        into effects: inout NodeEffects,
        mayTakeRecords: (HostID) -> Bool
    ) -> (messages: [RVGMachine.Departure], records: [RVGMachine.RecordDeparture]) {
        let messages = machine.nextMessages(now: now, into: &effects.core)
        return (messages, machine.nextRecords(now: now, mayTake: mayTakeRecords))
    }

    /// Opens and closes sessions of the application, takes its writes.
    public mutating func admit(
        _ write: ApplicationWrite,
        wallTime: UInt64,
        now: Instant,
        into effects: inout NodeEffects
    ) -> Admission {
        machine.admit(write, wallTime: wallTime, now: now, into: &effects.core)
    }

    /// Fails every write and flush that waits; those not written yet when they are.
    public mutating func giveUpWaiting(_ refusal: Refusal, into effects: inout NodeEffects) {
        machine.waiters.fail(with: .device(refusal), written: machine.written, into: &effects.core.replies)
    }

    public mutating func flush(token: UInt64, into effects: inout NodeEffects) -> Admission {
        machine.flush(token: token, into: &effects.core)
    }

    public mutating func openSession(
        id: UInt64,
        volume: UInt32,
        readOnly: Bool,
        holder: SessionHolder
    ) throws(Refusal) {
        try machine.openSession(id: id, volume: volume, readOnly: readOnly, holder: holder)
    }

    public mutating func closeSession(id: UInt64) { machine.closeSession(id: id) }

    /// Asks that everything logged be durable on the volumes; for whoever reads them at a position.
    public mutating func wantApplied(into effects: inout NodeEffects) { machine.wantApplied(&effects.core) }

    public mutating func holdApplier() { machine.holdApplier() }

    public mutating func releaseApplier(into effects: inout NodeEffects) { machine.releaseApplier(&effects.core) }
}
