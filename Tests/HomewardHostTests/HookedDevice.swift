import HomewardCore
import HomewardStorage

/// A file beside which a test does something: before each read, write or `fdatasync`, on the thread that does it.
final class HookedDevice: BlockDevice {
    private let device: FileDevice
    private let onRead: @Sendable () throws(Refusal) -> Void
    private let onWrite: @Sendable () -> Void
    private let onSynchronize: @Sendable () throws(Refusal) -> Void
    var size: UInt64 { device.size }
    var name: String { device.name }

    init(
        _ device: FileDevice,
        onRead: @escaping @Sendable () throws(Refusal) -> Void = {},
        onWrite: @escaping @Sendable () -> Void = {},
        onSynchronize: @escaping @Sendable () throws(Refusal) -> Void = {}
    ) {
        self.device = device
        self.onRead = onRead
        self.onWrite = onWrite
        self.onSynchronize = onSynchronize
    }

    func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(Refusal) {
        try onRead()
        try device.read(at: offset, into: buffer)
    }
    func write(at offset: UInt64, _ pieces: [UnsafeRawBufferPointer]) throws(Refusal) {
        onWrite()
        try device.write(at: offset, pieces)
    }
    func zero(at offset: UInt64, length: UInt64) throws(Refusal) { try device.zero(at: offset, length: length) }
    func synchronize() throws(Refusal) {
        try onSynchronize()
        try device.synchronize()
    }
}
