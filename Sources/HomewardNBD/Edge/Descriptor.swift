import CPlatform
import Glibc

/// The text of an errno, given as CPlatform returns it or positive; of whatever another end calls one, too.
func systemText(_ code: some BinaryInteger) -> String {
    String(cString: strerror(Int32(truncatingIfNeeded: code.magnitude)))
}

/// Fills the buffer; false at the end of the stream or on an error.
func receiveExactly(_ descriptor: Int32, _ buffer: UnsafeMutableRawBufferPointer) -> Bool {
    var done = 0
    while done < buffer.count {
        let count = homeward_receive(descriptor, buffer.baseAddress.map { $0 + done }, buffer.count - done)
        guard count > 0 else { return false }
        done += Int(count)
    }
    return true
}

/// The next `count` bytes; nil at the end of the stream or on an error.
func receiveBytes(_ descriptor: Int32, _ count: Int) -> [UInt8]? {
    var whole = false
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
        whole = receiveExactly(
            descriptor,
            UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[..<count])
        )
        initialized = whole ? count : 0
    }
    return whole ? bytes : nil
}

/// Reads over `count` bytes; false at the end of the stream or on an error.
func drain(_ descriptor: Int32, _ count: Int) -> Bool {
    var left = count
    return withUnsafeTemporaryAllocation(byteCount: 16 << 10, alignment: 16) { scratch in
        while left > 0 {
            let piece = UnsafeMutableRawBufferPointer(rebasing: scratch[..<min(left, scratch.count)])
            guard receiveExactly(descriptor, piece) else { return false }
            left -= piece.count
        }
        return true
    }
}

/// Sends everything; false when the other end is gone.
func sendBytes(_ descriptor: Int32, _ bytes: [UInt8]) -> Bool {
    bytes.withUnsafeBytes { homeward_send_all(descriptor, $0.baseAddress, $0.count) } == 0
}

/// From now on a call on the socket that waits for the other end longer than this fails; with zero it waits forever.
func setPatience(_ descriptor: Int32, milliseconds: Int) {
    var limit = timeval(tv_sec: milliseconds / 1000, tv_usec: milliseconds % 1000 * 1000)
    for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
        // It fails for what is no socket only.
        _ = setsockopt(descriptor, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
    }
}

/// The name of a process as `ps` shows it; nil when it is gone.
func processName(_ process: Int32) -> String? {
    let descriptor = homeward_open("/proc/\(process)/comm", O_RDONLY, 0)
    guard descriptor >= 0 else { return nil }
    defer { _ = homeward_close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 64)
    let count = homeward_pread(descriptor, &bytes, bytes.count, 0)
    guard count > 0 else { return nil }
    return String(decoding: bytes.prefix(Int(count)).prefix { $0 != 10 }, as: UTF8.self)
}
