package model

import "strings"

// Validate reports everything that is wrong with an object by itself, without looking at others. The errors have the object's ID,
// and no file or line.
func Validate(o Object) Errors {
	c := &checker{}
	if o.APIVersion != APIVersion {
		c.fail("apiVersion", "%s is not known: write %s", quote(o.APIVersion), APIVersion)
	}
	c.metadata(o)
	switch {
	case NewSpec(o.Kind) == nil:
		c.fail("kind", "%s is not known: write one of %s", quote(string(o.Kind)), kindList())
	case o.Spec == nil || o.Spec.Kind() != o.Kind:
		c.fail("spec", "is not the spec of a %s", o.Kind)
	default:
		o.Spec.validate(c)
	}
	for i := range c.errs {
		c.errs[i].Object = o.ID()
	}
	return c.errs
}

func (c *checker) metadata(o Object) {
	c.name("metadata.name", o.Metadata.Name)
	c.displayName("metadata.displayName", o.Metadata.DisplayName)
	project := o.Metadata.Project
	switch {
	case NewSpec(o.Kind) == nil: // whether it needs a project is not known
	case o.Kind.ClusterScoped():
		if project != "" {
			c.fail("metadata.project", "a %s belongs to no project: remove the field", o.Kind)
		}
	case project == "":
		c.fail("metadata.project", "is missing: name the project the %s belongs to", o.Kind)
	case project == ClusterProject:
		c.fail("metadata.project", "%q stands for the cluster: a %s needs a project of its own", project, o.Kind)
	default:
		c.name("metadata.project", project)
	}
}

func kindList() string {
	var names []string
	for _, k := range Kinds() {
		names = append(names, string(k))
	}
	return strings.Join(names, ", ")
}
