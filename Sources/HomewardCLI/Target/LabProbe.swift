import HomewardAdministration

/// Asks all hosts of a lab at once what they are.
enum LabProbe {
    /// One that hangs is waited for only while no open Primary has answered, and half a second longer: a second Primary among
    /// those that live should not be missed.
    ///
    /// - Parameters:
    ///   - hosts: all of the lab.
    ///   - reach: what the line that is to be sent wants of its host.
    ///   - describe: asks one host; gives nil when it has been waited for long enough.
    /// - Returns: in the order of the hosts.
    static func candidates(
        _ hosts: [LabFile.Host],
        _ reach: Reach,
        describe: @escaping @Sendable (LabFile.Host) async -> HostDescription?
    ) async -> [LabChoice.Candidate] {
        await withTaskGroup(of: (Int?, HostDescription?).self) { group in
            for (index, host) in hosts.enumerated() {
                group.addTask { (index, await describe(host)) }
            }
            var candidates = hosts.map { LabChoice.Candidate(name: $0.name, description: nil) }
            var missing = hosts.count
            var hurried = false
            for await (index, description) in group {
                guard let index else { break }
                candidates[index].description = description
                missing -= 1
                if missing == 0 { break }
                guard !hurried, description.map({ LabChoice.isOpenPrimary($0, reach) }) ?? false else { continue }
                hurried = true
                group.addTask {
                    try? await Task.sleep(for: .milliseconds(500))
                    return (nil, nil)
                }
            }
            group.cancelAll()
            return candidates
        }
    }
}
