import Foundation
import Glibc
import HomewardCore
import HomewardStorage
import Synchronization
import Testing

/// A kernel in which one write was lost, and that tells one caller of it: the second, when two ask at once.
///
/// That one is not back when the first returns.
private final class LossyKernel: Sendable {
    private let begun = Mutex(0)
    private let firstIsIn = DispatchSemaphore(value: 0)
    private let firstIsBack = DispatchSemaphore(value: 0)

    func fdatasync() -> Int32 {
        let number = begun.withLock { begun in
            begun += 1
            return begun
        }
        guard number == 1 else {
            firstIsBack.wait()
            return number == 2 ? -EIO : 0
        }
        firstIsIn.signal()
        // Time for another to come in; where none may, it is this one that hears of it.
        for _ in 0..<200 where begun.withLock({ $0 }) == 1 { usleep(1_000) }
        return begun.withLock { $0 } == 1 ? -EIO : 0
    }

    func awaitFirst() { firstIsIn.wait() }
    func letSecondGo() { firstIsBack.signal() }
}

@Suite("Storage: fdatasync", .timeLimit(.minutes(1)))
struct SynchronizeTests {
    @Test("of two threads that synchronize a device at once none succeeds where the kernel told one of them of a loss")
    func overlapping() throws {
        let folder = try Folder()
        try folder.write("v", [UInt8](repeating: 0, count: 4096))
        let kernel = LossyKernel()
        let device = try FileDevice.open(path: folder.file("v")) { _ in kernel.fdatasync() }
        let codes = Mutex<[RefusalCode?]>([])
        let ended = DispatchSemaphore(value: 0)
        func synchronize(then: @escaping @Sendable () -> Void) {
            Thread.detachNewThread {
                var code: RefusalCode?
                do throws(Refusal) { try device.synchronize() } catch { code = error.code }
                codes.withLock { $0.append(code) }
                then()
                ended.signal()
            }
        }
        synchronize { kernel.letSecondGo() }
        kernel.awaitFirst()
        synchronize {}
        for _ in 0..<2 { ended.wait() }
        #expect(codes.withLock { $0 } == [.ioError, .ioError])
    }

    @Test("after a failed fdatasync none is believed, and none is asked for")
    func afterFailure() throws {
        let folder = try Folder()
        try folder.write("v", [UInt8](repeating: 0, count: 4096))
        let calls = Mutex(0)
        let device = try FileDevice.open(path: folder.file("v")) { _ in
            calls.withLock { calls in
                calls += 1
                return calls == 2 ? -EIO : 0
            }
        }
        try device.synchronize()
        #expect(refusal { try device.synchronize() }?.code == .ioError)
        #expect(refusal { try device.synchronize() }?.message.contains("failed before") == true)
        #expect(calls.withLock { $0 } == 2)
    }
}
