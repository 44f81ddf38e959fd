import Foundation
import HomewardAdministration
import HomewardCore
import HomewardHost
import Testing

/// All that a refused command has to leave as it was, of all hosts: headers, catalogs, volumes, logs, salvage.
struct Footprint: Equatable {
    /// What an operator can set, in words.
    private(set) var words: [String] = []
    /// Bytes by the name of the file.
    private var bytes: [String: Data] = [:]

    /// Leaves out files that something that runs writes to: `dublin-dv01`.
    init(_ trio: Trio, moving: Set<String> = []) async throws {
        for host in Trio.names {
            if let engine = trio.running(host) {
                let description = try #require(try await engine.perform(.hostStatus, on: nil) { _ in }.host)
                words.append("\(host) \(description.diskGroups) \(description.peers.map(\.blocked))")
                for member in description.rvgs.flatMap(\.members) {
                    words.append("\(host) \(member.rvg) \(member.role) \(member.state) \(member.follows ?? "-")")
                    words += member.links.map { "\(host) \($0.name) \($0.state) \($0.settings)" }
                }
                guard case .volumes(let volumes) = try await trio.ask(host, .listVolumes(diskGroup: nil)) else {
                    continue
                }
                words += volumes.map { "\(host) \($0)" }
            }
            let format = trio.settings(host).limits.headerFormat
            let log = try #require(FileManager.default.contents(atPath: trio.path(host, "srl")))
            words += Self.header(log, format).map { "\(host) header: \($0)" }
            bytes["\(host)-srl"] = Data(log.dropFirst(Int(format.ringOffset)))
            for volume in ["dv01", "dv02"] {
                bytes["\(host)-\(volume)"] = FileManager.default.contents(atPath: trio.path(host, volume))
            }
            let salvage = try? FileManager.default.contentsOfDirectory(atPath: "\(trio.folder)/\(host)/salvage")
            words.append("\(host) salvage: \(salvage?.sorted() ?? [])")
        }
        for name in moving { bytes[name] = nil }
    }

    /// What differs, for people.
    func difference(from other: Footprint) -> String {
        let moved = words.difference(from: other.words).map { change in
            switch change {
            case .remove(_, let line, _): "- \(line)"
            case .insert(_, let line, _): "+ \(line)"
            }
        }
        let files = bytes.keys.filter { bytes[$0] != other.bytes[$0] }.sorted()
        return (moved + files.map { "bytes of \($0)" }).joined(separator: "\n")
    }

    /// The header on disk, without what moves by itself: generations, and how far the log has come.
    private static func header(_ log: Data, _ format: HeaderFormat) -> [String] {
        let copies = (0..<2).compactMap { generation -> RVGHeader? in
            let start = Int(format.offset(generation: UInt64(generation)))
            return try? format.decode([UInt8](log[start..<start + Int(format.copyBytes)]))
        }
        guard let header = copies.max(by: { $0.generation < $1.generation }) else { return [] }
        let links = header.links.map {
            "\($0.name) \(String(describing: $0.attachID)) \($0.paused) \($0.settings) \($0.detachReason ?? "")"
        }
        return [
            "\(header.role)", "\(String(describing: header.fence))", "\(header.stopped)", "\(header.lineage)",
            "\(header.checkpoints.map { "\($0.name) \($0.id)" })", "\(String(describing: header.receipt))",
            "\(String(describing: header.targetJob?.name))", "\(header.pending)", "\(header.consistentFrom)",
        ] + links
    }
}
