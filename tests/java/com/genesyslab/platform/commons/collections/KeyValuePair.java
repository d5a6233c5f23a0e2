// A stand-in of this project's own: public names alone, none of the vendor's code (docs/transports.md).
package com.genesyslab.platform.commons.collections;

public class KeyValuePair {
    public final String wireType;
    private final String key;
    private final Object value;

    public KeyValuePair(String key, String wireType, Object value) {
        if (key == null || value == null) {
            throw new IllegalArgumentException("no nulls");
        }
        this.key = key;
        this.wireType = wireType;
        this.value = value;
    }

    public String getStringKey() {
        return key;
    }

    public Object getValue() {
        return value;
    }
}
