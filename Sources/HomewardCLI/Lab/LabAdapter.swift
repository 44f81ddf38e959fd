import HomewardAdministration
import HomewardControl
import HomewardCore
import HomewardNBD

/// The doors of real daemons.
package struct DaemonDoors: LabDoors {
    package init() {}

    package func control(_ socket: String) -> any RequestHandler { UnbuiltControl() }

    package func openVolume(_ socket: String, export: String, readOnly: Bool) throws -> any LabVolume {
        throw Refusal(.notBuiltYet, export, "the lab has no data client yet", hint: "homeward lab status")
    }
}

private struct UnbuiltControl: RequestHandler {
    func perform(
        _ request: Request,
        on host: String?,
        progress: @escaping @Sendable (Progress) -> Void
    ) async throws -> Answer {
        throw Refusal(.notBuiltYet, "lab", "the lab has no control client yet", hint: "homeward lab status")
    }
}
