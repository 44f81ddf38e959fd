import Dispatch
import HomewardCLI
import HomewardCore
import HomewardRunbooks
import Synchronization
import Testing

/// A volume in memory; reads of a stuck one wait until it is let go.
private final class MemoryDoor: DoorSession {
    let bytes = Mutex([UInt8](repeating: 0, count: 8192))
    let closed = Mutex(false)
    let stuck: DispatchSemaphore?

    init(stuck: DispatchSemaphore? = nil) { self.stuck = stuck }

    var size: UInt64 { 8192 }

    func read(at offset: UInt64, count: Int) throws(Refusal) -> [UInt8] {
        stuck?.wait()
        guard offset + UInt64(count) <= size else { throw Refusal(.ioError, "dg/v", "out of range", hint: "h") }
        return bytes.withLock { Array($0[Int(offset)..<Int(offset) + count]) }
    }

    func write(at offset: UInt64, _ new: [UInt8]) throws(Refusal) {
        bytes.withLock { $0.replaceSubrange(Int(offset)..<Int(offset) + new.count, with: new) }
    }

    func flush() throws(Refusal) {}
    func close() { closed.withLock { $0 = true } }
}

@Suite(.timeLimit(.minutes(1)))
struct DoorVolumesTests {
    private func code(_ body: () async throws -> VolumeAnswer) async -> RefusalCode? {
        do {
            _ = try await body()
            return nil
        } catch {
            return (error as? Refusal)?.code
        }
    }

    private func session(_ volumes: DoorVolumes) async throws -> UInt64 {
        guard
            case .opened(let session, let size) = try await volumes.perform(
                .open(host: "birch", export: "dg/v", readOnly: false)
            )
        else { throw Refusal(.ioError, "dg/v", "not opened", hint: "h") }
        #expect(size == 8192)
        return session
    }

    @Test("a session reads what it wrote, and is gone once it is closed")
    func life() async throws {
        let door = MemoryDoor()
        let volumes = DoorVolumes(
            socket: { "/\($0)" },
            open: { socket, _, _ throws(Refusal) in
                guard socket == "/birch" else { throw Refusal(.daemonUnreachable, socket, "m", hint: "h") }
                return door
            }
        )
        let session = try await session(volumes)
        _ = try await volumes.perform(.write(session: session, offset: 4096, bytes: [1, 2, 3]))
        _ = try await volumes.perform(.flush(session: session))
        let read = try await volumes.perform(.read(session: session, offset: 4095, count: 4))
        #expect(read == .bytes([0, 1, 2, 3]))
        #expect(
            await code { try await volumes.perform(.read(session: session, offset: 8000, count: 4096)) } == .ioError
        )
        // As much as a script may ask for is not too much here: only this volume is smaller.
        #expect(
            await code { try await volumes.perform(.read(session: session, offset: 0, count: 32 << 20)) } == .ioError
        )
        for count in [-1, VolumeCall.largest + 1] {
            let refused = await code { try await volumes.perform(.read(session: session, offset: 0, count: count)) }
            #expect(refused == .badArgument)
        }
        _ = try await volumes.perform(.close(session: session))
        #expect(door.closed.withLock { $0 })
        #expect(await code { try await volumes.perform(.close(session: session)) } == nil)
        #expect(await code { try await volumes.perform(.flush(session: session)) } == .sessionClosed)
        #expect(
            await code { try await volumes.perform(.open(host: "alder", export: "dg/v", readOnly: true)) }
                == .daemonUnreachable
        )
    }

    @Test("what is open at the end is closed")
    func closeAll() async throws {
        let door = MemoryDoor()
        let volumes = DoorVolumes(socket: { $0 }, open: { _, _, _ throws(Refusal) in door })
        _ = try await session(volumes)
        await volumes.closeAll()
        #expect(door.closed.withLock { $0 })
    }

    @Test("a read of a host that hangs is given up at once when its task is cancelled")
    func cancelled() async throws {
        let stuck = DispatchSemaphore(value: 0)
        defer { stuck.signal() }
        let door = MemoryDoor(stuck: stuck)
        let volumes = DoorVolumes(socket: { $0 }, open: { _, _, _ throws(Refusal) in door })
        let session = try await session(volumes)
        let reading = Task { await code { try await volumes.perform(.read(session: session, offset: 0, count: 1)) } }
        try await Task.sleep(for: .milliseconds(50))
        reading.cancel()
        #expect(await reading.value == .interrupted)
    }
}
