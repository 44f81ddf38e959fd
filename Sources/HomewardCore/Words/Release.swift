/// This release of Homeward.
public enum Release {
    /// As `status`, `--version` and `hw.version()` tell it.
    public static let version = "0.1.0"
}
