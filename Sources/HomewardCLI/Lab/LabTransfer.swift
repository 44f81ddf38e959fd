import CPlatform
import Foundation
import HomewardAdministration
import HomewardCore

extension Lab {
    /// Writes a file's bytes to the beginning of a volume of the open Primary, where they differ, and flushes.
    ///
    /// What makes real file systems part of a lab: `mkfs.ext4 -d FOLDER IMAGE`, then this.
    package func put(_ volume: String, file: String) async throws -> LabReport {
        guard let content = LabFiles.read(file) else {
            throw Refusal(.ioError, file, "the file cannot be read", hint: "ls -l \(file)")
        }
        _ = try recorded()
        let (description, _) = try await openPrimary()
        let session = try doors.openVolume(description.dataSocket, export: volume, readOnly: false)
        defer { session.close() }
        guard UInt64(content.count) <= session.size else {
            throw Refusal(
                .badSize,
                volume,
                "the file has \(content.count) bytes, and the volume \(session.size)",
                hint: "homeward vol list"
            )
        }
        var written = 0
        let step = 64 << 10
        for offset in stride(from: 0, to: content.count, by: step) {
            let piece = Array(content[offset..<min(offset + step, content.count)])
            guard try session.read(at: UInt64(offset), count: piece.count) != piece else { continue }
            try session.write(at: UInt64(offset), bytes: piece)
            written += piece.count
        }
        try session.flush()
        return LabReport(
            already: written == 0,
            summary: "\(volume) on \(description.name): wrote \(written) of \(content.count) bytes"
        )
    }

    /// Copies a volume of a host, as its own data door gives it, to a file descriptor.
    package func get(_ volume: String, from host: String, to descriptor: Int32) async throws {
        try folder.checkHost(host)
        _ = try recorded()
        guard let description = await control(host).hostDescription() else {
            throw Refusal(.daemonUnreachable, host, "the daemon does not answer", hint: "homeward lab status")
        }
        let session = try doors.openVolume(description.dataSocket, export: volume, readOnly: true)
        defer { session.close() }
        let step: UInt64 = 1 << 20
        for offset in stride(from: UInt64(0), to: session.size, by: Int(step)) {
            let piece = try session.read(at: offset, count: Int(min(step, session.size - offset)))
            try LabFiles.check(homeward_write(descriptor, piece, piece.count), "write", "standard output")
        }
    }
}
