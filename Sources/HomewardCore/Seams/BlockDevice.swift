/// Storage of a fixed size: a volume or a log.
///
/// Implemented by files, block devices and simulated disks.
///
/// Calls may come from several threads at once; ranges that overlap while one of them is written are the caller's concern.
/// What was written survives the death of the process; it survives that of the host only after ``synchronize()``.
/// Every failure is thrown as `io-error` naming the device and the place.
public protocol BlockDevice: AnyObject, Sendable {
    /// Bytes.
    var size: UInt64 { get }
    /// For messages: the path, or the simulated name.
    var name: String { get }

    /// Fills `buffer` from `offset`. The range lies within ``size``.
    func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws(Refusal)
    /// Writes the pieces one after the other from `offset`. The range lies within ``size``.
    func write(at offset: UInt64, _ pieces: [UnsafeRawBufferPointer]) throws(Refusal)
    /// Makes the range read as zeroes; where it can, by giving the space back.
    func zero(at offset: UInt64, length: UInt64) throws(Refusal)
    /// Makes the range read as zeroes and has space for all of it afterwards: writing there later needs none.
    func zeroKeepingSpace(at offset: UInt64, length: UInt64) throws(Refusal)
    /// Makes everything that was written durable (`fdatasync`). After a failure nothing can be said of what is durable.
    func synchronize() throws(Refusal)
    /// What is known, without reading, of what lies from a place within ``size`` on.
    func stretch(at offset: UInt64) -> DeviceStretch
}

/// A part of a device that is of one kind, from the place asked for on.
public struct DeviceStretch: Hashable, Sendable {
    /// It reads as zeroes, and nothing is stored for it; false says nothing.
    public var isHole: Bool
    /// Where it ends; above the place asked for.
    public var end: UInt64

    public init(isHole: Bool, end: UInt64) {
        self.isHole = isHole
        self.end = end
    }
}

extension BlockDevice {
    /// Of a device whose space is always all there.
    public func zeroKeepingSpace(at offset: UInt64, length: UInt64) throws(Refusal) {
        try zero(at: offset, length: length)
    }

    /// Of a device that knows no holes.
    public func stretch(at offset: UInt64) -> DeviceStretch { DeviceStretch(isHole: false, end: .max) }

    /// The bytes of a range.
    public func bytes(at offset: UInt64, count: Int) throws(Refusal) -> [UInt8] {
        var failure: Refusal?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            do throws(Refusal) {
                try read(
                    at: offset,
                    into: UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[..<count])
                )
                initialized = count
            } catch {
                failure = error
                initialized = 0
            }
        }
        if let failure { throw failure }
        return bytes
    }

    /// Writes an array.
    public func write(at offset: UInt64, bytes: [UInt8]) throws(Refusal) {
        var failure: Refusal?
        bytes.withUnsafeBytes { raw in
            do throws(Refusal) { try write(at: offset, [raw]) } catch { failure = error }
        }
        if let failure { throw failure }
    }
}
