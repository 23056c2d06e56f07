package model

// Validate reports everything that is wrong with an object by itself, without looking at others. The errors have the object's ID,
// and no file or line.
func Validate(o Object) Errors { return AllKinds().validate(o) }

func (list Kinds) validate(o Object) Errors {
	c := &Checker{}
	if o.APIVersion != APIVersion {
		c.Fail("apiVersion", "%s is not known: write %s", quote(o.APIVersion), APIVersion)
	}
	c.metadata(list, o)
	switch {
	case !list.has(o.Kind):
		c.Fail("kind", "%s is not known: write one of %s", quote(string(o.Kind)), list.text())
	case o.Spec == nil || o.Spec.Kind() != o.Kind:
		c.Fail("spec", "is not the spec of a %s", o.Kind)
	default:
		o.Spec.Validate(c)
	}
	for i := range c.errs {
		c.errs[i].Object = o.ID()
	}
	return c.errs
}

func (c *Checker) metadata(list Kinds, o Object) {
	c.name("metadata.name", o.Metadata.Name)
	c.displayName("metadata.displayName", o.Metadata.DisplayName)
	project := o.Metadata.Project
	switch {
	case !list.has(o.Kind): // whether it needs a project is not known
	case o.Kind.ClusterScoped():
		if project != "" {
			c.Fail("metadata.project", "a %s belongs to no project: remove the field", o.Kind)
		}
	case project == "":
		c.Fail("metadata.project", "is missing: name the project the %s belongs to", o.Kind)
	case project == ClusterProject:
		c.Fail("metadata.project", "%q stands for the cluster: a %s needs a project of its own", project, o.Kind)
	default:
		c.name("metadata.project", project)
	}
}
