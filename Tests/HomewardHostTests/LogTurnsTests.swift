import Dispatch
import Foundation
import HomewardAdministration
import HomewardCore
import HomewardHost
import HomewardStorage
import Synchronization
import Testing

/// What is done at each write of the log.
private final class Told: Sendable {
    private let action = Mutex<(@Sendable () -> Void)?>(nil)
    func set(_ action: (@Sendable () -> Void)?) { self.action.withLock { $0 = action } }
    func notify() { action.withLock { $0 }?() }
}

private final class Counts: Sendable {
    let batches = Atomic(0)
    let replied = Atomic(0)
}

private func write(_ payload: UnsafeMutableRawBufferPointer) -> VolumeRequest {
    VolumeRequest(kind: .write, offset: 0, length: 4096, payload: UnsafeRawBufferPointer(payload), tag: 1)
}

/// Whoever finds the log idle writes what others append meanwhile.
@Suite("Turns at the log", .timeLimit(.minutes(1)))
struct LogTurnsTests {
    @Test("a client that writes once is back after a few batches, however long another goes on appending")
    func few() async throws {
        let appends = 200
        let told = Told()
        let wrap: @Sendable (FileDevice) -> any BlockDevice = { device in
            guard device.name.hasSuffix("-srl") else { return device }
            return HookedDevice(device, onWrite: { told.notify() })
        }
        try await Trio.run(["london"], wrapping: wrap) { trio in
            try await trio.makeSet([])
            let (one, other) = (try trio.open("london"), try trio.open("london", "dv02"))
            defer {
                one.session.close()
                other.session.close()
            }
            nonisolated(unsafe) let payload = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 8)
            payload.initializeMemory(as: UInt8.self, repeating: 3)
            let counts = Counts()
            // While a batch is being written the other appends one record, and so on.
            told.set {
                guard counts.batches.add(1, ordering: .acquiringAndReleasing).newValue <= appends else { return }
                let appended = DispatchSemaphore(value: 0)
                Thread.detachNewThread {
                    other.session.submit([write(payload)]) { _, _ in counts.replied.add(1, ordering: .relaxed) }
                    appended.signal()
                }
                appended.wait()
            }
            one.session.submit([write(payload)]) { _, _ in }
            #expect(counts.batches.load(ordering: .acquiring) < appends / 2)
            try await trio.waitUntil("the other's are all written") {
                counts.replied.load(ordering: .relaxed) >= appends
            }
            told.set(nil)
            payload.deallocate()
        }
    }
}
