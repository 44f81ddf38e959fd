import HomewardCore

/// Carries one connection from the greeting to an open session.
struct ServerHandshake {
    let descriptor: Int32
    let door: ExportDoor

    /// The session that the client chose; nil when it went, or was sent, away.
    func run() -> (any VolumeSession)? {
        guard sendBytes(descriptor, NBDAnswer.greeting()),
            let flags = receiveBytes(descriptor, 4)?.withUnsafeBytes({ $0.big(0, as: UInt32.self) }),
            flags & ~UInt32(NBD.fixedNewstyle | NBD.noZeroes) == 0
        else { return nil }
        let noZeroes = flags & UInt32(NBD.noZeroes) != 0
        while true {
            guard let head = receiveBytes(descriptor, NBD.optionHeaderLength),
                let header = head.withUnsafeBytes({ NBDOptionHeader($0) })
            else { return nil }
            guard header.length <= NBDLimits.option else {
                guard refuseOverlong(header) else { return nil }
                continue
            }
            guard let payload = receiveBytes(descriptor, header.length) else { return nil }
            switch payload.withUnsafeBytes({ NBDOption(header.option, payload: $0) }) {
            case .exportName(let name): return openByName(name, noZeroes: noZeroes)
            case .abort:
                _ = sendBytes(descriptor, NBDAnswer.reply(NBD.OptionReply.ack, to: header.option))
                return nil
            case .list:
                guard sendBytes(descriptor, NBDAnswer.list(door.service.exports().map(\.name))) else { return nil }
            case .info(let name, let wanted, false):
                guard describe(name, wanted) else { return nil }
            case .info(let name, let wanted, true):
                switch open(name, wanted) {
                case .opened(let session): return session
                case .refused: continue
                case .gone: return nil
                }
            case .unsupported:
                guard refuse(NBD.OptionReply.unsupported, header.option, "option \(header.option) is not spoken here")
                else { return nil }
            case .malformed(let text):
                // EXPORT_NAME has no way to refuse but to close.
                guard header.option != NBD.Option.exportName, refuse(NBD.OptionReply.invalid, header.option, text)
                else { return nil }
            }
        }
    }

    private func refuse(_ type: UInt32, _ option: UInt32, _ text: String) -> Bool {
        sendBytes(descriptor, NBDAnswer.refusal(type, to: option, text))
    }

    /// Reads over an option that is too long to keep; false when it is so long that the client cannot mean well.
    private func refuseOverlong(_ header: NBDOptionHeader) -> Bool {
        guard header.length <= NBDLimits.drainedOption, header.option != NBD.Option.exportName,
            drain(descriptor, header.length)
        else { return false }
        let text = "an option of \(header.length) bytes; the limit is \(NBDLimits.option)"
        return refuse(NBD.OptionReply.tooBig, header.option, text)
    }

    private func refuse(_ refusal: Refusal, _ option: UInt32) -> Bool {
        let type: UInt32
        switch refusal.code {
        case .unknownVolume, .unknownDiskGroup, .badName: type = NBD.OptionReply.unknown
        default: type = NBD.OptionReply.policy
        }
        return refuse(type, option, RefusalText.encode(refusal))
    }

    private func describe(_ name: String, _ wanted: [UInt16]) -> Bool {
        do {
            let export = try door.describe(name)
            return sendBytes(
                descriptor,
                NBDAnswer.information(export, name: name, wanted: wanted, option: NBD.Option.info)
            )
        } catch {
            return refuse(error, NBD.Option.info)
        }
    }

    private enum Opening {
        case opened(any VolumeSession)
        case refused
        case gone
    }

    private func open(_ name: String, _ wanted: [UInt16]) -> Opening {
        do {
            let opened = try door.open(name)
            let answer = NBDAnswer.information(opened.description, name: name, wanted: wanted, option: NBD.Option.go)
            if sendBytes(descriptor, answer) { return .opened(opened.session) }
            opened.session.close()
            return .gone
        } catch {
            return refuse(error, NBD.Option.go) ? .refused : .gone
        }
    }

    private func openByName(_ name: String, noZeroes: Bool) -> (any VolumeSession)? {
        guard let opened = try? door.open(name) else { return nil }
        if sendBytes(descriptor, NBDAnswer.exportName(opened.description, noZeroes: noZeroes)) { return opened.session }
        opened.session.close()
        return nil
    }
}
