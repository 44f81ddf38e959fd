import Glibc
import HomewardAdministration
import HomewardCore
import HomewardHost
import HomewardStorage
import Synchronization
import Testing

/// Holds every write to one file from when it is armed until it is opened, and counts those that came.
private final class WriteGate: Sendable {
    private struct State {
        var name: String?
        var isOpen = false
        var begun = 0
    }

    private let state = Mutex(State())

    var begun: Int { state.withLock { $0.begun } }
    func arm(_ name: String) { state.withLock { $0.name = name } }
    func open() { state.withLock { $0.isOpen = true } }

    @Sendable func wrap(_ device: FileDevice) -> any BlockDevice {
        HookedDevice(device, onWrite: { self.pass(device.name) })
    }

    private func pass(_ name: String) {
        let isCounted = state.withLock { state in
            guard state.name == name else { return false }
            state.begun += 1
            return true
        }
        guard isCounted else { return }
        while !state.withLock({ $0.isOpen }) { usleep(1_000) }
    }
}

/// Blocks of a synchronization that are still on their way to the volumes of an RVG that leaves its host.
@Suite("Tasks of a removed RVG", .serialized, .timeLimit(.minutes(2)))
struct RemovedTasksTests {
    private func createPrimary(_ name: String) -> Request {
        .createPrimary(diskGroup: "hrdg", rvg: name, volumes: ["dv01", "dv02"], log: "srl")
    }

    @Test("volumes of a removed RVG are nobody else's while a block of it is being written, and take none after that")
    func blocks() async throws {
        let gate = WriteGate()
        try await Trio.run(wrapping: gate.wrap) { trio in
            defer { gate.open() }
            try await trio.makeSet()
            for block in 0..<16 as Range<UInt64> { try await trio.write("london", at: block << 17, 3) }
            gate.arm(trio.path("seattle", "dv01"))
            let synchronization = Task { try await trio.refusalCode("london", Trio.synchronize("seattle")) }
            try await trio.waitUntil("blocks are being written") { gate.begun > 0 }
            synchronization.cancel()
            #expect(try await synchronization.value != nil)
            let removal = Task { try await trio.done("london", .deleteSecondary(Trio.rvg, secondary: "seattle")) }
            try await trio.waitUntil("seattle's catalog has it no more") {
                try await trio.ask("seattle", .hostStatus).host?.rvgs.isEmpty == true
            }
            try await trio.refused("seattle", createPrimary("own"), .operationInProgress)
            let opened = #expect(throws: Refusal.self) { try trio.open("seattle") }
            #expect(opened?.code == .operationInProgress, "\(String(describing: opened))")
            let held = gate.begun
            gate.open()
            let outcome = try await removal.value
            #expect(!outcome.notes.contains { $0.contains("still has its RVG") }, "\(outcome)")
            try await trio.done("seattle", createPrimary("own"))
            // What the pool had not begun has passed through it by now, as it does with what comes later.
            try await trio.done("seattle", .checkStart(RVGReference(diskGroup: "hrdg", rvg: "own"), name: "cp"))
            #expect(gate.begun == held)
        }
    }
}
