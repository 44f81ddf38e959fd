import HomewardCore

/// Opens exports for NBD clients, which cannot say whether they mean to write.
struct ExportDoor: Sendable {
    let service: any VolumeService
    let holder: SessionHolder

    /// An open session with what its client is told.
    struct Opened {
        let session: any VolumeSession
        let description: NBDExportDescription
    }

    /// Opens for writing, or read only where the role allows no more: a Secondary can be copied and compared.
    ///
    /// When both are refused the second refusal is thrown: it knows more (`inconsistent` where the first says
    /// `not-primary`).
    func open(_ name: String) throws(Refusal) -> Opened {
        do {
            let session = try service.open(name, readOnly: false, holder: holder)
            return Opened(session: session, description: Self.description(of: session, note: ""))
        } catch {
            guard Self.allowsReading(error.code) else { throw error }
            let session = try service.open(name, readOnly: true, holder: holder)
            return Opened(session: session, description: Self.description(of: session, note: RefusalText.encode(error)))
        }
    }

    /// What ``open(_:)`` would tell.
    ///
    /// A writable export is not opened for it, so that asking disturbs no role change.
    func describe(_ name: String) throws(Refusal) -> NBDExportDescription {
        if let export = service.exports().first(where: { $0.name == name }), export.writable {
            return NBDExportDescription(size: export.size, isReadOnly: false)
        }
        let opened = try open(name)
        opened.session.close()
        return opened.description
    }

    private static func description(of session: any VolumeSession, note: String) -> NBDExportDescription {
        NBDExportDescription(size: session.size, isReadOnly: session.isReadOnly, note: note)
    }

    private static func allowsReading(_ code: RefusalCode) -> Bool {
        switch code {
        case .notPrimary, .fenced, .rival, .primaryPrimary, .rvgStopped: true
        default: false
        }
    }
}
