import FoundationEssentials
import HomewardCore

/// The RVG that a run is about.
///
/// Two runs of the same one would stop and start the application under each other.
struct RunSubject: Hashable, Decodable {
    let dg: String
    let rvg: String

    /// Nil for a run that names none: it stands beside every other.
    init?(parameters: String) {
        guard let found = try? JSONDecoder().decode(Self.self, from: Data(parameters.utf8)) else { return nil }
        self = found
    }

    /// What the journal says to a second run; `step` is where the other one is.
    func refusal(_ runbook: String, other: String, _ otherRunbook: String, step: String?) -> Refusal {
        let place = step.map { ", at the step \($0)" } ?? ""
        return Refusal(
            .runInProgress,
            runbook,
            "run \(other) (\(otherRunbook)) is at work on \(dg)/\(rvg)\(place)",
            hint: "wait for it (homeward runs show \(other)), or end it with Ctrl-C where it runs"
        )
    }
}
