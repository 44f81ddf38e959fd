/// The head of an option that a client sends: magic, option, length of what follows.
package struct NBDOptionHeader: Hashable, Sendable {
    package let option: UInt32
    package let length: Int

    /// Nil when the magic is wrong.
    ///
    /// `bytes` holds sixteen bytes.
    package init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count >= NBD.optionHeaderLength, bytes.big(0, as: UInt64.self) == NBD.optionMagic else {
            return nil
        }
        option = bytes.big(8, as: UInt32.self)
        length = Int(bytes.big(12, as: UInt32.self))
    }

    package init(option: UInt32, length: Int) {
        self.option = option
        self.length = length
    }

    package func encode(into bytes: inout [UInt8]) {
        bytes.append(big: NBD.optionMagic)
        bytes.append(big: option)
        bytes.append(big: UInt32(length))
    }
}

/// An option as the server understands it.
package enum NBDOption: Hashable, Sendable {
    case exportName(String)
    case abort
    case list
    /// INFO, or with `open` GO.
    case info(name: String, wanted: [UInt16], open: Bool)
    /// Known by no release of ours, or deliberately not spoken: STARTTLS, structured replies.
    case unsupported
    /// Its payload is not what the option has.
    case malformed(String)

    package init(_ option: UInt32, payload: UnsafeRawBufferPointer) {
        switch option {
        case NBD.Option.exportName:
            guard payload.count <= NBDLimits.name, let name = payload.text(0..<payload.count) else {
                self = .malformed("the name is not UTF-8 or has more than \(NBDLimits.name) bytes")
                return
            }
            self = .exportName(name)
        case NBD.Option.abort: self = .abort
        case NBD.Option.list:
            self = payload.isEmpty ? .list : .malformed("LIST has no data, and \(payload.count) bytes came")
        case NBD.Option.info, NBD.Option.go: self = Self.information(payload, open: option == NBD.Option.go)
        default: self = .unsupported
        }
    }

    private static func information(_ payload: UnsafeRawBufferPointer, open: Bool) -> NBDOption {
        guard payload.count >= 6 else { return .malformed("\(payload.count) bytes are too few for a name and a count") }
        let nameLength = Int(payload.big(0, as: UInt32.self))
        guard nameLength <= NBDLimits.name, 4 + nameLength + 2 <= payload.count else {
            return .malformed("a name of \(nameLength) bytes in \(payload.count) bytes; the limit is \(NBDLimits.name)")
        }
        guard let name = payload.text(4..<4 + nameLength) else { return .malformed("the name is not UTF-8") }
        let count = Int(payload.big(4 + nameLength, as: UInt16.self))
        guard payload.count == 4 + nameLength + 2 + 2 * count else {
            return .malformed("\(count) information requests do not fill \(payload.count) bytes")
        }
        let wanted = (0..<count).map { payload.big(4 + nameLength + 2 + 2 * $0, as: UInt16.self) }
        return .info(name: name, wanted: wanted, open: open)
    }
}

/// What a client is told of an export.
package struct NBDExportDescription: Hashable, Sendable {
    package var size: UInt64
    package var isReadOnly: Bool
    /// Why it is read only, if somebody might have expected otherwise.
    package var note: String

    package init(size: UInt64, isReadOnly: Bool, note: String = "") {
        self.size = size
        self.isReadOnly = isReadOnly
        self.note = note
    }

    /// CAN_MULTI_CONN holds: a flush on one connection makes durable what was replied to on any.
    package var transmissionFlags: UInt16 {
        let always = NBD.TransmissionFlag.hasFlags | NBD.TransmissionFlag.sendFlush | NBD.TransmissionFlag.canMultiConn
        let writing =
            NBD.TransmissionFlag.sendFUA | NBD.TransmissionFlag.sendTrim | NBD.TransmissionFlag.sendWriteZeroes
        return always | (isReadOnly ? NBD.TransmissionFlag.readOnly : writing)
    }
}

/// What a server sends during the handshake.
package enum NBDAnswer {
    package static func greeting() -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(big: NBD.greetingMagic)
        bytes.append(big: NBD.optionMagic)
        bytes.append(big: NBD.fixedNewstyle | NBD.noZeroes)
        return bytes
    }

    package static func reply(_ type: UInt32, to option: UInt32, _ payload: [UInt8] = []) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(big: NBD.optionReplyMagic)
        bytes.append(big: option)
        bytes.append(big: type)
        bytes.append(big: UInt32(payload.count))
        return bytes + payload
    }

    /// A refusal with a text for people, cut to what the protocol allows.
    package static func refusal(_ type: UInt32, to option: UInt32, _ text: String) -> [UInt8] {
        // Cutting may split a character; decoding it again replaces that by a valid one.
        let cut =
            text.utf8.count <= NBDLimits.name
            ? text : String(decoding: text.utf8.prefix(NBDLimits.name - 3), as: UTF8.self)
        return reply(type, to: option, Array(cut.utf8))
    }

    /// The answer to EXPORT_NAME, which has no head.
    package static func exportName(_ export: NBDExportDescription, noZeroes: Bool) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(big: export.size)
        bytes.append(big: export.transmissionFlags)
        if !noZeroes { bytes.append(contentsOf: repeatElement(0, count: 124)) }
        return bytes
    }

    /// All lines of LIST.
    package static func list(_ names: [String]) -> [UInt8] {
        var bytes: [UInt8] = []
        for name in names {
            var line: [UInt8] = []
            line.append(big: UInt32(name.utf8.count))
            line.append(contentsOf: name.utf8)
            bytes += reply(NBD.OptionReply.server, to: NBD.Option.list, line)
        }
        return bytes + reply(NBD.OptionReply.ack, to: NBD.Option.list)
    }

    /// The answer to INFO and GO: always size and flags, of the rest what was asked for and is known.
    package static func information(
        _ export: NBDExportDescription,
        name: String,
        wanted: [UInt16],
        option: UInt32
    ) -> [UInt8] {
        var items: [[UInt8]] = []
        func item(_ type: UInt16, _ fill: (inout [UInt8]) -> Void) {
            var item: [UInt8] = []
            item.append(big: type)
            fill(&item)
            items.append(item)
        }
        item(NBD.Info.export) {
            $0.append(big: export.size)
            $0.append(big: export.transmissionFlags)
        }
        if wanted.contains(NBD.Info.name) { item(NBD.Info.name) { $0.append(contentsOf: name.utf8) } }
        if wanted.contains(NBD.Info.description), !export.note.isEmpty {
            item(NBD.Info.description) { $0.append(contentsOf: export.note.utf8.prefix(NBDLimits.name)) }
        }
        if wanted.contains(NBD.Info.blockSize) {
            item(NBD.Info.blockSize) {
                $0.append(big: UInt32(1))
                $0.append(big: NBDLimits.preferredBlock)
                $0.append(big: UInt32(NBDLimits.payload))
            }
        }
        let replies = items.flatMap { reply(NBD.OptionReply.info, to: option, $0) }
        return replies + reply(NBD.OptionReply.ack, to: option)
    }
}
