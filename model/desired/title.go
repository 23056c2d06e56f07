package desired

// Titled is implemented by items that have a name for people.
type Titled interface {
	// Title is the kind and the name as people write them ("Port alpha/web-1"), for logs and reports.
	Title() string
}

// Title implements Titled.
func (h *Host) Title() string { return "Host " + h.Name }

// Title implements Titled.
func (n *Network) Title() string { return "Network " + n.Project + "/" + n.Name }

// Title implements Titled.
func (p *Port) Title() string { return "Port " + p.Project + "/" + p.Name }

// Title implements Titled.
func (r *Router) Title() string { return "Router " + r.Project + "/" + r.Name }

// Title implements Titled.
func (f *FloatingIP) Title() string { return "FloatingIP " + f.Project + "/" + f.Name }
