import HomewardCore

/// One RVG machine alone, with devices that take everything at once: the steps of writes, and nothing else.
struct MachineSteps {
    private var machine: RVGMachine
    private var effects = Effects()
    private var now = Instant(nanoseconds: 1_000_000_000)
    private var token: UInt64 = 0
    private var random = SeededGenerator(seed: 11)
    private let pieces = [(payload: PayloadReference(buffer: 1, offset: 0, count: 4096), crc: UInt32(0))]
    private static let volume: UInt64 = 1 << 30

    init() throws {
        var generator = SeededGenerator(seed: 1)
        let header = RVGHeader.newPrimary(
            rvg: generator.identity(),
            host: generator.identity(),
            hostName: "london",
            generator: &generator
        )
        machine = RVGMachine(
            recovered: RecoveredLog(header: header, records: [], appendPosition: LogPosition(0)),
            capacity: 1 << 30,
            volumes: [VolumeShape(name: "dv01", size: Self.volume)],
            hostName: "london",
            diskGroup: "hrdg",
            name: "hr_rvg",
            limits: Limits(),
            seed: 1
        )
        for _ in 0..<200 where !machine.isOpen {
            now = now.advanced(byMilliseconds: 50)
            machine.tick(now: now, wallTime: 0, into: &effects)
            writeHeader()
        }
        guard machine.isOpen else { throw CannotRun("the machine does not open") }
    }

    /// The steps of a write, each of which the driver takes under the lock.
    static let names = ["admit", "log batch", "logged", "log sync", "synced", "apply batch", "applied", "volume sync"]

    /// Carries out so many writes, in batches; gives how many allocations each step made for one write.
    mutating func allocations(writes: Int, inFlight: Int) -> [Double] {
        var found = Self.names.map { _ in 0.0 }
        for _ in 0..<writes / inFlight {
            now = now.advanced(byMilliseconds: 1)
            for (step, count) in one(inFlight).enumerated() { found[step] += count }
            effects.replies.removeAll(keepingCapacity: true)
        }
        return found.map { $0 / Double(writes) }
    }

    private mutating func one(_ inFlight: Int) -> [Double] {
        let admitted = Allocations.count { for _ in 0..<inFlight { admit() } }
        var batch: LogBatch?
        let pulled = Allocations.count { batch = machine.nextLogBatch() }
        let logged = Allocations.count { if let batch { machine.logWritten(batch, now: now, into: &effects) } }
        var covered: UpdateID?
        let sync = Allocations.count {
            _ = machine.flush(token: 0, into: &effects)
            covered = machine.nextLogSync(now: now)
        }
        let synced = Allocations.count { if covered != nil { machine.logSynced(now: now, into: &effects) } }
        var work: ApplyBatch?
        let apply = Allocations.count { work = machine.nextApplyBatch() }
        let applied = Allocations.count { if let work { machine.replayedBatch(work, now: now, into: &effects) } }
        let freed = Allocations.count {
            if machine.nextVolumeSync() != nil {
                machine.volumesSynced(generation: machine.volumeGeneration, now: now, into: &effects)
            }
        }
        writeHeader()
        return [admitted, pulled, logged, sync, synced, apply, applied, freed]
    }

    private mutating func admit() {
        token += 1
        let offset = random.next() % (Self.volume / 4096) * 4096
        let write = ApplicationWrite(
            kind: .write,
            volume: 0,
            offset: offset,
            length: 4096,
            durably: false,
            pieces: pieces,
            token: token
        )
        _ = machine.admit(write, wallTime: 0, now: now, into: &effects)
    }

    private mutating func writeHeader() {
        if machine.nextHeader(now: now) != nil { machine.headerWritten(now: now, into: &effects) }
    }
}
