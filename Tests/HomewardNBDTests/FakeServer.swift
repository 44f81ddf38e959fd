import CPlatform
import Foundation
import Glibc
import Synchronization
import Testing

/// What a server says, whatever the client does.
struct Speech: Sendable {
    var bytes: [UInt8]
    /// Said again and again afterwards, up to ``longest`` bytes in all.
    var refrain: [UInt8] = []
    /// Microseconds after each refrain.
    var pause: UInt32 = 0
    /// Whether it stays on the line when it has said all, until the client goes.
    var stays = false

    /// Where a server ends that the client does not hang up on; one with pauses ends after a thousand of them.
    static let longest = 192 << 20
}

/// A server that says what it is told to, and reads over everything that it hears.
final class FakeServer: Sendable {
    let folder: String
    var socket: String { "\(folder)/nbd.sock" }
    private let listener: Int32

    init() throws {
        folder = "/tmp/hw-nbd-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
        listener = homeward_listen_unix("\(folder)/nbd.sock", 4)
        try #require(listener >= 0)
    }

    deinit {
        _ = homeward_close(listener)
        try? FileManager.default.removeItem(atPath: folder)
    }

    private final class Count: Sendable {
        let bytes = Mutex(0)
    }

    /// Runs a client, which connects once, against a server that says this; gives how many bytes were taken from it.
    func serve(_ speech: Speech, _ client: () throws -> Void) throws -> Int {
        let said = Count()
        let isOver = DispatchSemaphore(value: 0)
        Thread.detachNewThread { [listener] in
            let count = Self.speak(speech, on: homeward_accept(listener))
            said.bytes.withLock { $0 = count }
            isOver.signal()
        }
        do {
            defer { isOver.wait() }
            try client()
        }
        return said.bytes.withLock { $0 }
    }

    private static func speak(_ speech: Speech, on descriptor: Int32) -> Int {
        guard descriptor >= 0 else { return 0 }
        // A client that waits for more than this would wait for ever.
        var patience = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        let isLeft = DispatchSemaphore(value: 0)
        Thread.detachNewThread {
            var heard = [UInt8](repeating: 0, count: 1 << 16)
            while homeward_receive(descriptor, &heard, heard.count) > 0 {}
            isLeft.signal()
        }
        func say(_ bytes: [UInt8]) -> Bool {
            bytes.withUnsafeBytes { homeward_send_all(descriptor, $0.baseAddress, $0.count) } == 0
        }
        var said = 0
        var isHeard = say(speech.bytes)
        if isHeard { said += speech.bytes.count }
        var pauses = 0
        while isHeard, !speech.refrain.isEmpty, said < Speech.longest, pauses < 1000 {
            isHeard = say(speech.refrain)
            if isHeard { said += speech.refrain.count }
            guard speech.pause > 0 else { continue }
            usleep(speech.pause)
            pauses += 1
        }
        if !speech.stays { shutdown(descriptor, Int32(SHUT_WR)) }
        isLeft.wait()
        _ = homeward_close(descriptor)
        return said
    }
}
