import HomewardCore

/// Where a client's requests go: one socket, or a lab whose hosts have one each.
public enum ClientPlace: Hashable, Sendable {
    /// `relay`: the peer of that daemon which shall answer.
    case socket(path: String, relay: String?)
    /// `host`: the one host to talk to.
    case lab(directory: String, host: String?)

    /// Decides from the line and the surroundings; does no I/O but through `isFolder`.
    ///
    /// `--host` goes before `$HOMEWARD_HOST`; `--lab` before `$HOMEWARD_LAB` before `.lab` of the current folder;
    /// outside a lab `$HOMEWARD_SOCKET` before `/var/lib/homeward/control.sock`. An empty variable counts as unset.
    public static func decide(
        _ options: GlobalOptions,
        environment: [String: String],
        isFolder: (String) -> Bool
    ) -> ClientPlace {
        func variable(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        let host = options.host ?? variable("HOMEWARD_HOST")
        switch options.lab {
        case .folder(let folder)?: return .lab(directory: folder, host: host)
        case .here?: return .lab(directory: ".lab", host: host)
        case nil: break
        }
        if let folder = variable("HOMEWARD_LAB") { return .lab(directory: folder, host: host) }
        if isFolder(".lab") { return .lab(directory: ".lab", host: host) }
        return .socket(path: variable("HOMEWARD_SOCKET") ?? "/var/lib/homeward/control.sock", relay: host)
    }
}

/// `lab.json` of a lab's folder, as far as a client needs it.
struct LabFile: Decodable {
    struct Host: Hashable, Sendable, Decodable {
        var name: String
        var control: String
    }

    var hosts: [Host]
}
