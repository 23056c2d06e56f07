package agent

// BootFile is where the first process finds its Boot, as JSON.
const BootFile = "/boot.json"

// The mount tags of the two 9p file systems.
const (
	RootTag  = "weft-root"  // the machine's root, read only
	ShareTag = "weft-share" // the folder of this virtual machine, writable
)

// ScratchFolder is in memory inside the virtual machine: its TMPDIR.
const ScratchFolder = "/run/tmp"

// UserModeLine is the device file of the connection to package vm under user-mode Linux.
const UserModeLine = "/dev/ttyS0"

// Boot is the configuration of the first process.
type Boot struct {
	// Modules are files to load, in this order.
	Modules []string `json:"modules"`
	// ModuleFolder is the machine's folder that becomes /lib/modules.
	ModuleFolder string `json:"moduleFolder"`
	// Share is the path at which the writable file system is mounted: the one it has on the machine.
	Share string `json:"share"`
	// UserMode says that the kernel is user-mode Linux. Then the machine's files come by hostfs and not by 9p, and the connection to
	// package vm is UserModeLine and not the virtio serial port.
	UserMode bool `json:"userMode,omitempty"`
}
