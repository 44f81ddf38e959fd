import Foundation
import HomewardRunbooks

extension JournalCall {
    /// Enters a run of a bundled runbook.
    static func begin(_ runbook: String, _ parameters: String) -> JournalCall {
        .beginRun(runbook: runbook, source: "bundled", revision: "ab", site: nil, parameters: parameters)
    }
}

extension JournalAnswer {
    /// The run that was entered; nil for another answer.
    var entered: String? {
        guard case .begun(let id) = self else { return nil }
        return id
    }
}

/// A folder of a test's own, which removes it.
func makeFolder() throws -> URL {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("journal-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    return folder
}
