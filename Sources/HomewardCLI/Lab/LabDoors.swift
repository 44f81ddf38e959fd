import HomewardAdministration
import HomewardCore

/// How the lab reaches the daemons: their control doors and their data doors.
package protocol LabDoors: Sendable {
    /// Requests to the daemon that listens on a control socket. Nothing is connected before the first request; a
    /// request whose task is cancelled returns soon.
    func control(_ socket: String) -> any RequestHandler
    /// Opens a session on an export through a data socket. Blocks.
    func openVolume(_ socket: String, export: String, readOnly: Bool) throws -> any LabVolume
}

/// An open session on a volume.
///
/// Calls block, and come from one thread at a time.
package protocol LabVolume: AnyObject {
    var size: UInt64 { get }
    func read(at offset: UInt64, count: Int) throws -> [UInt8]
    func write(at offset: UInt64, bytes: [UInt8]) throws
    /// Returns when every write replied to before, of any session of the RVG, is durable.
    func flush() throws
    func close()
}

extension RequestHandler {
    /// Asks the daemon itself, and gives up after `seconds`.
    func ask(_ request: Request, within seconds: Double) async throws -> Answer {
        try await withThrowingTaskGroup(of: Answer.self) { group in
            group.addTask { try await self.perform(request, on: nil, progress: { _ in }) }
            group.addTask {
                try await Task.sleep(for: .seconds(seconds))
                throw Refusal(
                    .timedOut,
                    "lab",
                    "the daemon did not answer within \(seconds) s",
                    hint: "homeward lab status"
                )
            }
            defer { group.cancelAll() }
            guard let answer = try await group.next() else { throw CancellationError() }
            return answer
        }
    }

    /// The daemon's description of itself; nil when it does not answer in time.
    func hostDescription(within seconds: Double = 5) async -> HostDescription? {
        guard case .host(let description)? = try? await ask(.hostStatus, within: seconds) else { return nil }
        return description
    }

    /// The RVG of the lab as the daemon itself knows it; nil when it has none or does not answer.
    func ownMember(within seconds: Double = 5) async -> MemberDescription? {
        await hostDescription(within: seconds)?.ownMember
    }
}

extension HostDescription {
    /// This host's own part of the lab's RVG.
    var ownMember: MemberDescription? {
        rvgs.first { $0.rvg == LabFolder.rvg }?.members.first { $0.isLocal }
            ?? rvgs.first?.members.first { $0.isLocal }
    }
}

extension MemberDescription {
    var isOpenPrimary: Bool { role == "primary" && state == "enabled" }
}
