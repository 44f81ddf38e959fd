import HomewardCore

/// The head of a request in the transmission phase.
package struct NBDRequestHeader: Hashable, Sendable {
    package var flags: UInt16
    package var command: UInt16
    package var cookie: UInt64
    package var offset: UInt64
    package var length: UInt32

    package init(flags: UInt16 = 0, command: UInt16, cookie: UInt64, offset: UInt64 = 0, length: UInt32 = 0) {
        self.flags = flags
        self.command = command
        self.cookie = cookie
        self.offset = offset
        self.length = length
    }

    /// Nil when the magic is wrong.
    ///
    /// `bytes` holds at least 28 bytes.
    package init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count >= NBD.requestHeaderLength, bytes.big(0, as: UInt32.self) == NBD.requestMagic else {
            return nil
        }
        flags = bytes.big(4, as: UInt16.self)
        command = bytes.big(6, as: UInt16.self)
        cookie = bytes.big(8, as: UInt64.self)
        offset = bytes.big(16, as: UInt64.self)
        length = bytes.big(24, as: UInt32.self)
    }

    package func encode(into bytes: inout [UInt8]) {
        bytes.append(big: NBD.requestMagic)
        bytes.append(big: flags)
        bytes.append(big: command)
        bytes.append(big: cookie)
        bytes.append(big: offset)
        bytes.append(big: length)
    }

    /// Bytes that follow the head.
    ///
    /// A payload comes with WRITE alone, also with one that is refused.
    package var payloadLength: Int { command == NBD.Command.write ? Int(length) : 0 }

    /// What a server does with the request.
    package enum Admission: Hashable, Sendable {
        case read
        case change(VolumeRequest.Kind, forceUnitAccess: Bool)
        /// Replied to at once, after the payload, if any, was read over. `success`: nothing was asked for.
        case answer(NBD.Failure)
        case disconnect
    }

    /// Judges the request by everything that can be known without the volume.
    package func admission(size: UInt64, isReadOnly: Bool) -> Admission {
        let kind: VolumeRequest.Kind
        var allowed = NBD.CommandFlag.forceUnitAccess
        switch command {
        case NBD.Command.disconnect: return .disconnect
        case NBD.Command.read:
            guard flags & ~allowed == 0, Int(length) <= NBDLimits.payload, isInside(size) else {
                return .answer(.invalid)
            }
            return length == 0 ? .answer(.success) : .read
        case NBD.Command.flush:
            guard flags & ~allowed == 0 else { return .answer(.invalid) }
            return .change(.flush, forceUnitAccess: false)
        case NBD.Command.write: kind = .write
        case NBD.Command.trim: kind = .trim
        case NBD.Command.writeZeroes:
            kind = .zeroes(keepAllocated: flags & NBD.CommandFlag.noHole != 0)
            allowed |= NBD.CommandFlag.noHole | NBD.CommandFlag.fastZero
        default: return .answer(.invalid)
        }
        guard flags & ~allowed == 0 else { return .answer(.invalid) }
        if isReadOnly { return .answer(.notPermitted) }
        // Never advertised: a log makes no zero faster than another.
        if flags & NBD.CommandFlag.fastZero & allowed != 0 { return .answer(.notSupported) }
        if kind == .write, Int(length) > NBDLimits.payload { return .answer(.invalid) }
        guard isInside(size) else { return .answer(kind == .trim ? .invalid : .noSpace) }
        if length == 0 { return .answer(.success) }
        return .change(kind, forceUnitAccess: flags & NBD.CommandFlag.forceUnitAccess != 0)
    }

    private func isInside(_ size: UInt64) -> Bool { offset <= size && UInt64(length) <= size - offset }
}

extension NBD {
    /// Appends a simple reply's sixteen bytes.
    package static func appendReply(_ failure: Failure, cookie: UInt64, to bytes: inout [UInt8]) {
        bytes.append(big: replyMagic)
        bytes.append(big: failure.rawValue)
        bytes.append(big: cookie)
    }

    /// Writes a simple reply's sixteen bytes to memory.
    package static func storeReply(_ failure: Failure, cookie: UInt64, to memory: UnsafeMutableRawPointer) {
        memory.storeBytes(of: replyMagic.bigEndian, as: UInt32.self)
        memory.storeBytes(of: failure.rawValue.bigEndian, toByteOffset: 4, as: UInt32.self)
        memory.storeBytes(of: cookie.bigEndian, toByteOffset: 8, as: UInt64.self)
    }
}

extension NBD.Failure {
    /// The errno that stands for a failure of a session.
    package init(_ failure: VolumeFailure, isWrite: Bool) {
        switch failure {
        case .outOfRange: self = isWrite ? .noSpace : .invalid
        case .readOnly: self = .notPermitted
        case .io: self = .io
        case .shuttingDown: self = .shutdown
        }
    }
}
