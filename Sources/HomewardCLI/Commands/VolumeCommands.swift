import ArgumentParser
import FoundationEssentials
import HomewardAdministration
import HomewardCore

struct DiskGroupCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dg",
        abstract: "Disk groups.",
        subcommands: [Create.self]
    )

    struct Create: InquiringCommand {
        static let configuration = CommandConfiguration(commandName: "create", abstract: "Makes a disk group.")
        @Argument(help: "Its name.") var name: String

        func plan() -> Result<Plan, Refusal> {
            .success(.ask(Inquiry([.createDiskGroup(name: name)], reach: .local, object: name)))
        }
    }
}

struct VolumeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "vol",
        abstract: "Volumes.",
        subcommands: [Create.self, List.self, Sum.self]
    )

    struct Create: InquiringCommand {
        static let configuration = CommandConfiguration(
            commandName: "create",
            abstract: "Makes a volume of a file or a device."
        )
        @Argument(help: "DG/VOL") var volume: String
        @Option(help: "A file; made, sparse, when a size is given and it is missing.") var file: String?
        @Option(help: "A block device, used whole.") var device: String?
        @Option(help: "Its length: bytes, or with K, M, G or T.") var size: String?

        func plan() -> Result<Plan, Refusal> {
            do throws(Refusal) {
                let name = try VolumeName(volume)
                guard (file == nil) != (device == nil), let path = file ?? device else {
                    throw Refusal(
                        .usage,
                        volume,
                        "exactly one of --file and --device is needed",
                        hint: "homeward vol create \(volume) --file PATH"
                    )
                }
                return .success(
                    .ask(
                        Inquiry(
                            [
                                .createVolume(
                                    diskGroup: name.diskGroup,
                                    volume: name.volume,
                                    path: absolute(path),
                                    isDevice: device != nil,
                                    size: try size.map(Size.parse)
                                )
                            ],
                            reach: .local,
                            object: volume
                        )
                    )
                )
            } catch {
                return .failure(error)
            }
        }

        /// The daemon has another current folder.
        private func absolute(_ path: String) -> String {
            path.hasPrefix("/") ? path : "\(FileManager.default.currentDirectoryPath)/\(path)"
        }
    }

    struct List: InquiringCommand {
        static let configuration = CommandConfiguration(commandName: "list", abstract: "Lists volumes.")
        @Argument(help: "Only those of this disk group.") var diskGroup: String?

        func plan() -> Result<Plan, Refusal> {
            .success(.ask(Inquiry([.listVolumes(diskGroup: diskGroup)], reach: .local, object: diskGroup ?? "volumes")))
        }
    }

    struct Sum: InquiringCommand {
        static let configuration = CommandConfiguration(
            commandName: "sum",
            abstract: "SHA-256 of a volume's bytes at one position."
        )
        @Argument(help: "DG/VOL") var volume: String

        func plan() -> Result<Plan, Refusal> {
            do throws(Refusal) {
                let name = try VolumeName(volume)
                return .success(
                    .ask(
                        Inquiry(
                            [.sumVolume(diskGroup: name.diskGroup, volume: name.volume)],
                            view: .sum(diskGroup: name.diskGroup),
                            reach: .local,
                            object: volume
                        )
                    )
                )
            } catch {
                return .failure(error)
            }
        }
    }
}

/// `DG/VOL`.
struct VolumeName: Hashable {
    let diskGroup: String
    let volume: String

    init(_ text: String) throws(Refusal) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2, !parts.contains("") else {
            throw Refusal(
                .usage,
                text,
                "\(text) is not DG/VOL",
                hint: "give both, as in hrdg/hr_dv01; the volumes of a host: homeward vol list"
            )
        }
        (diskGroup, volume) = (parts[0], parts[1])
    }
}
