from tests.support.java_stand_ins import java, java_classes

__all__ = ["java", "java_classes"]
